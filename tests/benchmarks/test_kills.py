from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# A job that counts to 60 in a file, a line every 10 ms, and goes on where it was; "careless" ones count in place.
COUNTS = """
import os, sys, time
path, careless = sys.argv[1], sys.argv[2] == "careless"
at = int(open(path).read() or 0) if os.path.exists(path) else 0
while at < 60:
    at += 1
    time.sleep(0.01)
    target = path if careless else path + ".new"
    with open(target, "w") as file:
        if careless:
            file.flush(); time.sleep(0.05)
        file.write(str(at))
    if not careless:
        os.replace(target, path)
"""


def job_of(tmp_path: Path, how: str) -> Any:
    from _kills_jobs import Job

    class Counts(Job):
        name = "counts"

        def prepare(self) -> None: ...

        def start(self, folder: Path) -> subprocess.Popen[bytes]:
            folder.mkdir(exist_ok=True)
            return subprocess.Popen([sys.executable, "-c", COUNTS, str(folder / "n"), how], start_new_session=True)

        def unsound(self, folder: Path) -> list[str]:
            text = (folder / "n").read_text() if (folder / "n").exists() else "0"
            return [] if text.isdecimal() else [f"holds {text!r}"]

        def differences(self, folder: Path, whole: Path) -> list[str]:
            return [] if (folder / "n").read_text() == (whole / "n").read_text() == "60" else ["n"]

    return Counts(tmp_path)


def test_a_job_that_survives_kills_loses_nothing(tmp_path: Path) -> None:
    import kills

    rows = list(kills.killed(job_of(tmp_path, "careful"), 4, 3, random.Random(0)))
    assert [row["lost"] for row in rows] == [[]] * len(rows)
    told = kills.summary(rows)
    assert (told["kills"], told["lost"]) == (4, 0)
    assert sum(len(row["at_s"]) for row in rows) == 4


def test_a_job_that_writes_in_place_is_found_out(tmp_path: Path) -> None:
    import kills

    job = job_of(tmp_path, "careless")
    kills.undisturbed(job)
    (tmp_path / "round").mkdir()
    (tmp_path / "round" / "n").write_text("")  # what a kill within its pause leaves
    row = kills.one_round(job, tmp_path / "round", [0.0])
    assert row["lost"] == ["after 0.00 s: holds ''"]


@pytest.mark.slow
def test_one_kill_of_a_training_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import _kills_jobs
    import kills

    monkeypatch.setattr(_kills_jobs, "STEPS", 40)
    monkeypatch.setattr(sys, "argv", ["kills.py", "--kills", "1", "--keep", str(tmp_path)])
    assert kills.main() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["lost"] == 0
