"""Damaged files of every kind: each opens, or is refused in our words; none hangs, crashes or eats the memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fuzz_targets import TARGETS
from mutations import damaged_bytes, damaged_json

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
WORKER = Path(__file__).with_name("fuzz_worker.py")
KINDS = list(TARGETS)
STACKS, RUNS = KINDS[: KINDS.index("run.json")], KINDS[KINDS.index("run.json") :]
QUICK, ALL = 10, 400
PASSED_OVER = {*(kind for kind in KINDS if kind.endswith("chunk")), "precomputed png", "precomputed jpeg", "log.jsonl"}


def fuzzed(kinds: list[str], count: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(WORKER), ",".join(kinds), "0", str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the worker ended with {done.returncode}: {done.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    assert list(found) == kinds
    for kind, told in found.items():
        assert told["failures"] == [], "\n".join(told["failures"])
        assert told["opened"] + told["refused"] == count, kind
    return found


@pytest.mark.parametrize("kinds", [STACKS, RUNS], ids=["stacks", "runs"])
def test_some_damaged_files(kinds: list[str], tmp_path: Path) -> None:
    fuzzed(kinds, QUICK, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [STACKS, RUNS], ids=["stacks", "runs"])
def test_ten_thousand_damaged_files(kinds: list[str], tmp_path: Path) -> None:
    assert len(KINDS) * ALL >= 10_000
    found = fuzzed(kinds, ALL, tmp_path)
    # Damage that is always refused, or never, tests little; a damaged chunk or line of a log is passed over.
    assert all(told["opened"] for told in found.values())
    assert {kind for kind, told in found.items() if not told["refused"]} <= PASSED_OVER


def test_damage_can_be_made_again_and_is_no_copy() -> None:
    good = json.dumps({"a": [1, 2, {"b": "c"}], "d": 0.5}).encode()
    for damage in (damaged_bytes, damaged_json):
        made = [damage(Random(number), good) for number in range(50)]
        assert made == [damage(Random(number), good) for number in range(50)]
        assert len(set(made) - {good}) > 25


@pytest.mark.parametrize(
    ("program", "sign"),
    [
        ("raise KeyError('x')", "KeyError"),
        ("bytearray(2**42)", "MemoryError"),
        ("InputError_from_memory()", "memory: "),
        ("forever()", "Hang"),
    ],
)
def test_the_worker_notices(program: str, sign: str, tmp_path: Path) -> None:
    # Without this the tests above might pass whatever a file does.
    script = f"""
import sys
sys.path.insert(0, {str(WORKER.parent)!r})
import fuzz_worker
from fuzz_targets import Target
from napari_em_autoclass.core.errors import InputError

def InputError_from_memory():
    try:
        bytearray(2**42)
    except MemoryError as error:
        raise InputError("too large") from error

def forever():
    while True:
        try:
            pass
        except Exception:
            pass

def use(folder, at):
    if at.read_bytes() != b"good":
        {program}

def make(folder):
    (folder / "a").write_bytes(b"good")
    return folder / "a"

fuzz_worker.HANGS_S = 0.2
fuzz_worker.TARGETS = {{"x": Target(make, use, lambda rng, good: b"bad")}}
print(fuzz_worker.main(["x"], 0, 1, fuzz_worker.Path({str(tmp_path)!r}) / "f"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sign in done.stdout
    assert "'opened': 0, 'refused': 0" in done.stdout
