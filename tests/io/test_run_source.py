"""The stack of a run, found again or missed in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tiny_run import copy_run, make_tiny_run

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Volume, fingerprint
from napari_em_autoclass.io.run_source import SAMPLE, open_run_source


@pytest.fixture(scope="module")
def made(phantom: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_tiny_run(phantom, tmp_path_factory.mktemp("runs"))


def opened(run_dir: Path, **changes: Any) -> Volume:
    record = RunFolder.open(run_dir).volume
    return open_run_source(run_dir, record.replace(**changes))


def test_the_stack_is_opened_from_where_it_was(made: Any, phantom: Any) -> None:
    volume = opened(made[0])
    assert volume.source == str(made[1])
    assert fingerprint(volume) == RunFolder.open(made[0]).volume.fingerprint
    np.testing.assert_array_equal(volume.section(2), phantom.raw[2])


def test_a_voxel_size_that_was_typed_holds_again(made: Any) -> None:
    record = RunFolder.open(made[0]).volume
    other = Volume(np.asarray(tifffile.imread(made[1])), (40.0, 5.0, 5.0))
    volume = open_run_source(made[0], record.replace(voxel_size_nm=(40, 5, 5), fingerprint=fingerprint(other)))
    assert volume.voxel_size_nm == (40, 5, 5)


@pytest.mark.parametrize("where", [".", ".."])
def test_a_stack_that_moved_along_with_its_run_is_found(made: Any, tmp_path: Path, where: str) -> None:
    run_dir, stack = copy_run(made, tmp_path)
    stack.rename(run_dir / where / stack.name)
    assert opened(run_dir, source=stack.name).name


def test_a_stack_beside_its_run_is_found_whatever_its_folder_was_called(made: Any, tmp_path: Path) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    assert opened(run_dir, source="/a/disk/that/is/gone/my stack.ome.tif").shape_zyx == (5, 64, 64)


def test_a_stack_that_is_gone_is_said(made: Any, tmp_path: Path) -> None:
    run_dir, stack = copy_run(made, tmp_path)
    stack.unlink()
    with pytest.raises(InputError, match="is not there any more"):
        opened(run_dir)


def test_another_stack_in_its_place_is_said(made: Any, tmp_path: Path) -> None:
    run_dir, stack = copy_run(made, tmp_path)
    tifffile.imwrite(stack, 255 - tifffile.imread(stack))
    with pytest.raises(InputError, match="does not hold the voxels"):
        opened(run_dir)
    stack.write_bytes(b"no picture")
    with pytest.raises(InputError, match="does not hold the voxels"):
        opened(run_dir)


@pytest.mark.parametrize("source", ["napari layer em", ""])
def test_a_layer_without_a_file_is_said(made: Any, source: str) -> None:
    with pytest.raises(InputError, match="was a layer without a file"):
        opened(made[0], source=source)


def test_the_name_of_a_layer_is_what_the_dock_stores(qapp: Any) -> None:
    from napari.layers import Image

    from napari_em_autoclass.gui.source import volume_of
    from napari_em_autoclass.io.run_source import NO_FILE

    layer = Image(np.zeros((3, 4, 4), np.uint8), name="em")
    assert volume_of(layer, (1, 1, 1)).source.startswith(NO_FILE)


def test_a_sample_is_made_again(made: Any, phantom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def make(mode: str) -> Any:
        asked.append(mode)
        return phantom

    monkeypatch.setattr("napari_em_autoclass.core.phantom.make_phantom", make)
    volume = opened(made[0], source=f"{SAMPLE}sstem")
    assert asked == ["sstem"]
    np.testing.assert_array_equal(volume.section(2), phantom.raw[2])
    with pytest.raises(InputError, match="is not there any more"):
        opened(made[0], source=f"{SAMPLE}sstem", fingerprint="of another version")
