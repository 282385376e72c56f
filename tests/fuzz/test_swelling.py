"""What the files of a stranger must not do: swell, or be taken for what they are not."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core import class_file
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.filters import FilterBank
from napari_em_autoclass.core.history import History
from napari_em_autoclass.core.kept_maps import kept_maps, read_snapshot
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.class_map_file import read_class_map

FROZEN = Path(__file__).parents[1] / "data" / "frozen_runs" / "v2"
SIZE_NM = (30.0, 8.0, 8.0)
STACK = np.random.default_rng(0).integers(0, 255, (4, 20, 24), np.uint8)


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_a_chunk_of_a_terabyte_is_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(2**13,) * 3, chunks=(2**13,) * 3, dtype="uint16")
    with pytest.raises(InputError, match=r"pieces of 1024.0 GiB, .* smaller ones, 4 GiB at most"):
        open_volume(tmp_path / "a.zarr", voxel_size_nm=SIZE_NM)


def test_metadata_of_gigabytes_are_not_read(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=STACK)
    with (tmp_path / "a.zarr" / "zarr.json").open("r+b") as file:
        file.truncate(65 * 2**20)  # a hole, that takes no room on the disk
    with pytest.raises(InputError, match="larger than 64 MiB"):
        open_volume(tmp_path / "a.zarr", voxel_size_nm=SIZE_NM)


def test_a_picture_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    for z in range(2):
        header = bytearray(b"BM" + bytes(52) + bytes(1024))
        header[10:14], header[14:18] = (1078).to_bytes(4, "little"), (40).to_bytes(4, "little")
        header[18:22] = header[22:26] = (2**20).to_bytes(4, "little")
        header[26:30] = bytes([1, 0, 8, 0])
        (tmp_path / f"s{z}.bmp").write_bytes(bytes(header[:54]) + b"".join(bytes([i, i, i, 0]) for i in range(256)))
    with pytest.raises(InputError, match=r"pieces of 1024.0 GiB"):
        open_volume(tmp_path, voxel_size_nm=SIZE_NM)


@pytest.mark.parametrize("size_nm", [5e-324, 1e-4, 1e8, 1e308])
def test_a_voxel_is_neither_smaller_than_an_atom_nor_larger_than_a_hand(size_nm: float) -> None:
    with pytest.raises(InputError, match=r"0\.001 to 1e"):
        Volume(STACK, (30.0, size_nm, 8.0))


def test_a_stack_that_claims_to_be_endless_is_refused(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(2**40, 64, 64), chunks=(1, 64, 64), dtype="uint8")
    with pytest.raises(InputError, match="longer than"):
        open_volume(tmp_path / "a.zarr", voxel_size_nm=SIZE_NM)


@pytest.mark.parametrize(
    "change",
    [
        *("classifier.width=256", "classifier.depth=7", "n_classes=255", "tiles.neighbour_distances_nm=[1e300]"),
        *("classifier.filter_scales_nm=[1e300]", f"region={'0' * 300}"),
    ],
)
def test_settings_can_not_ask_for_networks_or_boxes_without_bound(change: str) -> None:
    settings = apply_setting(load_recipe("neighbour-forecast"), "classifier.depth=6")
    with pytest.raises(InputError):
        apply_setting(settings, change)


def test_filters_are_not_larger_than_any_structure() -> None:
    with pytest.raises(InputError, match="256 at most"):
        FilterBank((1.0, 257.0))


def test_many_sections_are_not_counted_one_by_one() -> None:
    settings = RunSettings(skip_sections=(0, 5))
    assert settings.learned_box((2**40, 64, 64)).z1 == 2**40
    with pytest.raises(InputError, match="left out"):
        RunSettings(skip_sections=(3, 4), region="3:5,:,:").learned_box((9, 64, 64))


def test_a_small_file_of_classes_stays_small_in_memory() -> None:
    parts = FoundParts(1, ((0.25,) * 1000, (0.5,) * 1000), 1.0, "student@1")
    history = History.of(with_split(ClassMap.fresh(2), parts))
    for i in range(50):
        history = history.do(history.present.rename(2, f"name {i}"))
    found = History.from_json(json.loads(json.dumps(history.to_json())))
    assert found == history
    assert len({id(split) for step in found.past for split in step.splits}) == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_centres_of_parts_are_numbers(number: float) -> None:
    with pytest.raises(InputError, match="split of class 1"):
        with_split(ClassMap.fresh(2), FoundParts(1, ((0.0,), (number,)), 1.0, ""))


def test_a_history_too_long_to_be_read_again_loses_its_oldest_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History.of(ClassMap.fresh(3))
    for i in range(40):
        history = history.do(history.present.rename(1, f"name {i}"))
    monkeypatch.setattr(class_file._content, "__defaults__", (4000,))
    class_file.save_history(tmp_path, history)
    found = class_file.read_history(tmp_path)
    assert (tmp_path / "classes.json").stat().st_size <= 4000
    assert found.present == history.present
    assert 1 < len(found.past) < 40
    assert found.past == history.past[-len(found.past) :]


def test_a_name_of_megabytes_is_refused() -> None:
    with pytest.raises(InputError, match="1000 characters"):
        ClassMap.fresh(3).rename(2, "x" * 1001)


# --- damage that was not noticed -------------------------------------------------------------------------------------


def test_rows_of_a_log_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    run = RunFolder.open(Path(shutil.copytree(FROZEN, tmp_path / "run")))
    n_rows = len(run.log())
    with (run.path / "log.jsonl").open("a") as file:
        file.write('[1]\n7\n{"total": 3}\n{"step": "a"}\n' + "[" * 100_000 + "\n")
    assert len(run.log()) == n_rows
    run.cut_log(5)
    assert [row["step"] for row in run.log()] == list(range(1, 6))


@pytest.mark.parametrize(
    ("key", "value"),
    [("section_centre", [1.0]), ("section_spread", [1.0] * 6), ("section_spread", [0.0] * 5), ("section_spread", [])],
)
def test_a_normalisation_of_another_stack_is_no_part_of_a_run(key: str, value: list[float], tmp_path: Path) -> None:
    run = Path(shutil.copytree(FROZEN, tmp_path / "run"))
    content = json.loads((run / "run.json").read_text())
    content["normalisation"][key] = value
    (run / "run.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"run.json is damaged: .*(sections|section_spread)"):
        RunFolder.open(run)


def test_class_maps_with_odd_metadata_are_read_without_them(tmp_path: Path) -> None:
    label = {
        "properties": [{"label-value": [], "name": "a"}, 7, {"label-value": 2, "name": "b"}],
        "colors": [{"label-value": 1, "rgba": [999, 0, 0]}, {"label-value": 2, "rgba": [1, 2, 3, 255]}],
    }
    group = zarr.create_group(
        tmp_path / "a.zarr",
        attributes={"ome": {"image-label": label}, "napari-em-autoclass": {"n_classes": "many", "provenance": []}},
    )
    group.create_array("0", data=STACK)
    _, info = read_class_map(tmp_path / "a.zarr")
    assert (info.names, info.colors, info.n_classes, info.provenance) == ({2: "b"}, {2: "#010203"}, None, {})


def test_an_archive_in_place_of_a_snapshot_is_not_unpickled(tmp_path: Path) -> None:
    (tmp_path / "snapshot").mkdir()
    buffer = io.BytesIO()
    np.savez(buffer, corner_zyx=np.zeros(3, int), classes=np.array([print], object), name="a", step=1)
    (tmp_path / "snapshot" / "latest.npz").write_bytes(buffer.getvalue())
    (tmp_path / "snapshot" / "kept-001.npz").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="does not fit"):
        read_snapshot(tmp_path)
    assert [kept.name for kept in kept_maps(tmp_path)] == ["a"]  # what is said of it is read, its pixels are not
