"""NumPy files."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)
DATA = np.arange(5 * 7 * 9).reshape(5, 7, 9)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_mapped_in_either_order(order, tmp_path):
    np.save(tmp_path / "s.npy", np.asarray(DATA, order=order))
    volume = open_volume(tmp_path / "s.npy", voxel_size_nm=SIZE_NM)
    assert isinstance(volume.data, np.memmap)
    np.testing.assert_array_equal(volume.read(Box(1, 3, 2, 5, 0, 9)), DATA[1:3, 2:5])


def test_an_archive_is_refused_with_advice(tmp_path):
    np.savez(tmp_path / "s.npz", raw=DATA)
    with pytest.raises(InputError, match=r"s.npz: .* save its array as .npy"):
        open_volume(tmp_path / "s.npz", voxel_size_nm=SIZE_NM)


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "s.npy", np.array([{"a": 1}] * 8, dtype=object).reshape(2, 2, 2))
    with pytest.raises(InputError, match="can't be read"):
        open_volume(tmp_path / "s.npy", voxel_size_nm=SIZE_NM)
