"""A class map that goes on where an earlier attempt ended, bit for bit as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from maps import N_BLOCKS, SHAPE, Case, case_in, levels, small_blocks, tiny_settings

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.predict import predict_blocks
from napari_em_autoclass.core.run_lock import RunLock
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io import open_volume
from napari_em_autoclass.io.block_tasks import TaskFeed
from napari_em_autoclass.io.block_work import BlockJob, InThisProcess
from napari_em_autoclass.io.class_map_file import read_class_map
from napari_em_autoclass.io.export_zarr import probabilities_path
from napari_em_autoclass.io.ledger import LEDGER_NAME, Entry
from napari_em_autoclass.io.partial_output import partial_path
from napari_em_autoclass.io.predict_map import Made, MapOrder, predict_map
from napari_em_autoclass.io.pyramid import most_frequent


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case_in(tmp_path_factory.mktemp("run") / "run", tiny_settings())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, case: Case) -> list[np.ndarray]:
    """Give all levels of the map that an undisturbed attempt writes."""
    with pytest.MonkeyPatch.context() as patched:
        small_blocks(patched)
        path = tmp_path_factory.mktemp("whole") / "whole.ome.zarr"
        list(predict_map(case.order(path)))
    return levels(path)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stopped_after(n_blocks: int, order: MapOrder) -> Made:
    """Begin a map and leave it after so many blocks, as a caller does who is asked to end."""
    steps = predict_map(order)
    for _ in range(n_blocks + 1):
        made = next(steps)
    steps.close()
    return made


class Counting:
    """Makes blocks in this process, and counts them."""

    def __init__(self) -> None:
        self.made: list[Entry] = []

    def __call__(self, job: BlockJob, feed: TaskFeed) -> Iterator[Entry]:
        for entry in InThisProcess()(job, feed):
            self.made.append(entry)
            yield entry


def test_the_map_is_that_of_the_model_with_a_pyramid_in_whole_files(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "c.ome.zarr"
    told = list(predict_map(case.order(out)))
    assert [made.n_done for made in told] == list(range(N_BLOCKS + 1))
    assert {made.n_blocks for made in told} == {N_BLOCKS}
    assert names(tmp_path) == ["c.ome.zarr"]
    expected = np.zeros(SHAPE, np.uint8)
    for block in predict_blocks(case.model, case.volume):
        expected[block.box.slices] = block.classes
    assert len(np.unique(expected)) > 2
    fine, coarse = levels(out)
    np.testing.assert_array_equal(fine, expected)
    np.testing.assert_array_equal(coarse, most_frequent(expected, (1, 2, 2)))
    array = zarr.open_group(out, mode="r")["0"]
    assert isinstance(array, zarr.Array)
    assert (array.shards, array.chunks) == ((2, 128, 128), (2, 128, 128))
    assert len([file for file in (out / "0" / "c").rglob("*") if file.is_file()]) == N_BLOCKS


def test_the_store_is_valid_for_the_models_of_the_specification_and_for_our_reader(case: Case, tmp_path: Path) -> None:
    from ome_zarr_models.v05.image import Image
    from ome_zarr_models.v05.image_label import ImageLabel

    out = tmp_path / "c.ome.zarr"
    list(predict_map(case.order(out, ClassMap.fresh(4).rename(2, "dark"), probabilities=True)))
    ImageLabel.from_zarr(zarr.open_group(out, mode="r"))
    Image.from_zarr(zarr.open_group(probabilities_path(out), mode="r"))
    data, info = read_class_map(out)
    assert tuple(data.shape) == SHAPE
    assert (info.names[2], info.voxel_size_nm) == ("dark", case.volume.voxel_size_nm)


def test_probabilities_stand_beside_and_agree_with_the_classes(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "c.ome.zarr"
    stopped_after(5, case.order(out, probabilities=True))
    list(predict_map(case.order(out, probabilities=True)))
    assert names(tmp_path) == ["c.ome.zarr", "c.probabilities.ome.zarr"]
    (probs,), fine = levels(probabilities_path(out)), levels(out)[0]
    assert probs.shape == (4, *SHAPE)
    chosen = np.take_along_axis(probs, fine[None].astype(int) - 1, axis=0)[0]
    np.testing.assert_array_equal(chosen, probs.max(axis=0))


@pytest.mark.parametrize("name", ["c.ome.zarr", "c.ome.tif", "c.precomputed"])
def test_what_is_finished_is_not_made_again_and_the_result_is_the_same(
    case: Case, whole: list[np.ndarray], tmp_path: Path, name: str
) -> None:
    out, counting = tmp_path / name, Counting()
    assert stopped_after(11, case.order(out)).n_done == 11
    assert names(tmp_path) == [f"{name}.partial"]
    told = list(predict_map(case.order(out), counting))
    assert (told[0].n_done, told[-1].n_done) == (11, N_BLOCKS)
    assert len([entry for entry in counting.made if entry.task.level == 0]) == N_BLOCKS - 11
    assert names(tmp_path) == [name]
    if name.endswith(".tif"):
        np.testing.assert_array_equal(tifffile.imread(out), whole[0])
    elif name.endswith(".precomputed"):
        for level, expected in enumerate(whole):
            volume = open_volume(out, level=level)
            np.testing.assert_array_equal(volume.read(Box.whole(volume.shape_zyx)), expected)
    else:
        for found, expected in zip(levels(out), whole, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_precomputed_map_that_died_at_its_end_is_finished_by_the_next(
    case: Case, whole: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_em_autoclass.io import predict_map as module

    def dying(made: Path, *_: object) -> None:
        made.mkdir()
        (made / "info").write_text("half of it")
        raise KeyboardInterrupt

    out = tmp_path / "c.precomputed"
    with monkeypatch.context() as patched:
        patched.setattr(module, "write_levels", dying)
        with pytest.raises(KeyboardInterrupt):
            list(predict_map(case.order(out)))
    assert names(tmp_path) == ["c.precomputed.partial"]
    assert next(iter(told := list(predict_map(case.order(out))))).n_done == N_BLOCKS
    assert len(told) == 1
    np.testing.assert_array_equal(open_volume(out).read(Box.whole(SHAPE)), whole[0])


def test_files_that_are_torn_or_gone_are_made_again_with_all_that_shows_them(
    case: Case, whole: list[np.ndarray], tmp_path: Path
) -> None:
    out, counting = tmp_path / "c.ome.zarr", Counting()
    stopped_after(20, case.order(out))
    data = next(path for path in partial_path(out).iterdir() if path.is_dir()) / "classes.ome.zarr"
    files = sorted(file for file in (data / "0" / "c").rglob("*") if file.is_file())
    coarse = [file for file in (data / "1" / "c").rglob("*") if file.is_file()]
    assert len(coarse) > 1
    files[0].write_bytes(files[0].read_bytes()[:-7])
    files[5].unlink()
    (files[6].parent / "half.1234.partial").write_bytes(b"what a killed writer leaves")
    list(predict_map(case.order(out), counting))
    assert {entry.task.index for entry in counting.made if entry.task.level == 0} >= {0, 5}
    assert len([entry for entry in counting.made if entry.task.level == 0]) == N_BLOCKS - 20 + 2
    for found, expected in zip(levels(out), whole, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kept_bytes", [0, 40, 131])
def test_a_ledger_cut_short_costs_work_but_never_a_block(
    case: Case, whole: list[np.ndarray], tmp_path: Path, kept_bytes: int
) -> None:
    out = tmp_path / "c.ome.zarr"
    stopped_after(10, case.order(out))
    ledger = next(partial_path(out).glob(f"*/{LEDGER_NAME}"))
    ledger.write_bytes(ledger.read_bytes()[:kept_bytes])
    list(predict_map(case.order(out)))
    np.testing.assert_array_equal(levels(out)[0], whole[0])


def test_another_job_is_refused_with_what_differs_until_it_is_begun_anew(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "c.ome.zarr"
    stopped_after(3, case.order(out))
    merged = ClassMap.fresh(4).merge((2, 3), "both")
    other = replace(case, volume=Volume(255 - np.asarray(case.volume.data), case.volume.voxel_size_nm, "stack"))
    trained_on = replace(case, model=replace(case.model, weights="student@99"))
    for order, said in (
        (case.order(out, merged, merged=True), "another set of options"),
        (other.order(out), "another stack"),
        (trained_on.order(out), "another state of the run"),
    ):
        with pytest.raises(InputError, match=rf"{said}.*--restart") as caught:
            next(predict_map(order))
        assert "\n" not in str(caught.value)
    # Names are no voxels: they are those of the last attempt.
    assert stopped_after(1, case.order(out, ClassMap.fresh(4).rename(1, "dark"))).n_done == 4
    told = list(predict_map(case.order(out, merged, merged=True, restart=True)))
    assert told[0].n_done == 0
    assert not (levels(out)[0] == 3).any()


def test_only_one_process_writes(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "c.ome.zarr"
    stopped_after(1, case.order(out))
    lock = RunLock.take(partial_path(out))
    with pytest.raises(InputError, match="is being written by process"):
        next(predict_map(case.order(out)))
    lock.release()
    assert stopped_after(1, case.order(out)).n_done == 2


def test_nothing_is_left_of_an_attempt_that_finished_no_block_or_is_not_to_be_kept(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "c.ome.zarr"
    stopped_after(0, case.order(out))
    assert names(tmp_path) == []
    stopped_after(5, case.order(out, keep=False))
    assert names(tmp_path) == []


def test_a_map_that_is_there_is_replaced_only_when_asked_and_only_at_the_end(case: Case, tmp_path: Path) -> None:
    out = tmp_path / "c.ome.zarr"
    list(predict_map(case.order(out)))
    before = levels(out)[0]
    merged = ClassMap.fresh(4).merge((1, 2, 3, 4), "all")
    with pytest.raises(InputError, match="exists already"):
        next(predict_map(case.order(out)))
    stopped_after(3, case.order(out, merged, merged=True, overwrite=True))
    np.testing.assert_array_equal(levels(out)[0], before)
    list(predict_map(case.order(out, merged, merged=True, overwrite=True)))
    assert (levels(out)[0] == 1).all()


def test_what_cannot_be_read_is_told_with_its_place_or_left_out_and_listed(
    case: Case, whole: list[np.ndarray], tmp_path: Path
) -> None:
    class Damaged:
        shape, dtype = SHAPE, np.dtype(np.uint8)

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            z, y, x = key
            if z.start <= 3 < z.stop and y.stop > 200 and x.stop > 250:
                raise OSError("checksum of a chunk is wrong")
            return np.asarray(case.volume.data[key])

    out = tmp_path / "c.ome.zarr"
    damaged = replace(case, volume=replace(case.volume, data=Damaged()))
    with pytest.raises(InputError, match=r"can't read sections? 3.*y \d+:\d+, x \d+:\d+") as caught:
        list(predict_map(damaged.order(out)))
    assert "\n" not in str(caught.value)
    told = list(predict_map(damaged.order(out, skip_unreadable=True)))
    assert told[0].n_done > 0  # the same job: what was finished is kept
    unreadable = {box for made in told for box in made.unreadable}
    assert unreadable
    assert all(box.z0 <= 3 < box.z1 for box in unreadable)
    fine, expected = levels(out)[0], whole[0].copy()
    for box in unreadable:
        expected[3, *box.slices[1:]] = 0
    np.testing.assert_array_equal(fine, expected)
    listed = read_class_map(out)[1].provenance["unreadable_zyx"]
    assert {Box(*(bound for part in box for bound in part)) for box in listed} == unreadable


def test_an_output_that_died_while_it_was_put_in_its_place_is_put_there_by_the_next(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_em_autoclass.io import partial_output

    def power_cut(new: Path, path: Path) -> None:
        moved.append(path.name)
        if len(moved) == 2:
            raise KeyboardInterrupt
        new.replace(path)

    out, moved = tmp_path / "c.ome.zarr", list[str]()
    order = case.order(out, probabilities=True)
    with monkeypatch.context() as patched:
        patched.setattr(partial_output, "put_in_place", power_cut)
        # What a process that is gone can't do.
        patched.setattr(partial_output.PartialOutput, "discard", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            list(predict_map(order))
    assert moved == ["c.probabilities.ome.zarr", "c.ome.zarr"]
    assert not out.exists()
    with pytest.raises(InputError, match="exists already"):
        next(predict_map(order))
    assert names(tmp_path) == ["c.ome.zarr", "c.probabilities.ome.zarr"]
    assert levels(out)[0].all()
