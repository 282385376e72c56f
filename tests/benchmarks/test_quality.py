from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

import pytest

WANTED = argparse.Namespace(
    seeds=[0, 1], seconds=[60.0], recipes=["filters"], classes=[20, 40], assignments=[], baselines=True, network=True
)


def test_k_means_runs_for_each_k_and_the_forest_once() -> None:
    names = [job["recipe"] for job in importlib.import_module("quality").jobs(WANTED, "phantom-sstem")]
    assert {name: names.count(name) for name in names} == {
        "baseline forest": 1,
        "baseline network": 1,
        "baseline intensity": 2,
        "baseline filters": 2,
        "filters": 4,
    }


def test_rows_survive_a_process_killed_while_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quality, path = importlib.import_module("quality"), tmp_path / "rows.jsonl"
    quality.add_row(path, {"seed": 0})
    with path.open("a") as file:
        file.write('{"seed": 1, "merg')
    quality.add_row(path, {"seed": 2})
    assert quality.read_rows(path) == [{"seed": 0}, {"seed": 2}]
    assert "damaged" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_is_measured_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_em_autoclass.cli.phantom import write_phantom
    from napari_em_autoclass.core.phantom import make_phantom

    quality, stack, out = importlib.import_module("quality"), tmp_path / "p.ome.tif", tmp_path / "rows.jsonl"
    write_phantom(make_phantom((6, 96, 96), "sstem", 0), stack, tmp_path / "p_labels.ome.tif")
    words = [str(stack), "--seeds", "0", "--seconds", "2", "--classes", "4", "--out", str(out)]
    words += ["--set", "tiles.size_px=32", "--set", "tiles.region_px=32"]
    monkeypatch.setattr("sys.argv", ["quality.py", *words])
    assert quality.main() == 0
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["recipe"] for row in rows] == [
        "baseline forest",
        "baseline intensity",
        "baseline filters",
        "neighbour-forecast",
    ]
    assert all(0 < row["merged_miou"] <= 1 and "membrane" in row["iou"] for row in rows)
    assert 0 < rows[-1]["first_map_s"] < rows[-1]["seconds"]
    assert all("csev" in row["label_free"] for row in rows[1:])
    assert quality.main() == 0
    assert len(out.read_text("utf-8").splitlines()) == 4  # what is there is not made again
