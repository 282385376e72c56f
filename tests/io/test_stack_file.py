from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.readers import open_volume
from napari_em_autoclass.io.stack_file import is_tiff_name, write_stack


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif", "a.tiff", "a.ome.zarr", "a.zarr"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(5, 6, 7), (4, 5, 3), (3, 4, 4)])  # lengths that could pass for channels
def test_what_is_written_is_read_back(name: str, dtype: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
    stack = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    path = write_stack(tmp_path / name, stack, (50.0, 4.5, 3.0))
    volume = open_volume(path)
    assert volume.voxel_size_nm == pytest.approx((50.0, 4.5, 3.0))
    assert volume.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.read(Box.whole(shape)), stack)


@pytest.mark.parametrize("name", ["a.png", "a", "a.h5", "zarr"])
def test_a_name_without_a_known_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.ome\.zarr or \.ome\.tif"):
        write_stack(tmp_path / name, np.zeros((2, 3, 4), np.uint8), (1.0, 1.0, 1.0))
    assert list(tmp_path.iterdir()) == []


def test_suffixes_are_read_in_any_case() -> None:
    assert is_tiff_name(Path("A.OME.TIF"))
    assert not is_tiff_name(Path("A.Ome.Zarr"))


def test_what_is_there_is_replaced_only_when_allowed(tmp_path: Path) -> None:
    old, new = np.zeros((2, 3, 4), np.uint8), np.ones((2, 3, 4), np.uint8)
    path = write_stack(tmp_path / "a.zarr", old, (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="exists already"):
        write_stack(path, new, (1.0, 1.0, 1.0))
    write_stack(path, new, (1.0, 1.0, 1.0), overwrite=True)
    np.testing.assert_array_equal(open_volume(path).read(Box.whole((2, 3, 4))), new)
