"""Class maps read with all they tell, to be refined and written back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import ClassMapTarget, read_class_map, write_class_map_zarr
from napari_em_autoclass.io.derived_map import open_source_map, write_map

CLASSES = np.random.default_rng(0).integers(1, 4, (3, 8, 9), dtype=np.uint8)
PROBS = np.stack([np.where(CLASSES == k, 200, 20) for k in (1, 2, 3)]).astype(np.uint8)
WHOLE = Box.whole(CLASSES.shape)


def written(path: Path, merged: bool = False, probabilities: bool = True) -> Path:
    target = ClassMapTarget(
        CLASSES.shape,
        (50.0, 4.0, 4.0),
        3,
        {2: "membrane"},
        {2: "#102030"},
        {"merged": merged},
        probabilities=probabilities,
    )
    block = (WHOLE, CLASSES, PROBS) if probabilities else (WHOLE, CLASSES)
    return write_class_map_zarr(path, [block], target)


def test_a_map_comes_with_names_size_and_the_probabilities_beside_it(tmp_path: Path) -> None:
    source = open_source_map(str(written(tmp_path / "c.ome.zarr")))
    assert (source.n_classes, source.voxel_size_nm) == (3, (50.0, 4.0, 4.0))
    assert source.probabilities is not None
    assert np.array_equal(source.probabilities[:], PROBS)
    assert source.info.names == {2: "membrane"}


def test_merged_classes_and_lonely_maps_have_no_probabilities(tmp_path: Path) -> None:
    assert open_source_map(str(written(tmp_path / "a.ome.zarr", merged=True))).probabilities is None
    assert open_source_map(str(written(tmp_path / "b.ome.zarr", probabilities=False))).probabilities is None


@pytest.mark.parametrize("name", ["out.ome.zarr", "out.ome.tif"])
def test_what_is_written_back_keeps_names_colours_and_where_it_came_from(tmp_path: Path, name: str) -> None:
    source = open_source_map(str(written(tmp_path / "c.ome.zarr")))
    write_map(tmp_path / name, [(WHOLE, CLASSES)], source.target("smoothed", strength=2.0))
    again = open_source_map(str(tmp_path / name))
    write_map(tmp_path / f"2{name}", [(WHOLE, CLASSES)], again.target("voted"))
    data, told = read_class_map(tmp_path / f"2{name}")
    assert np.array_equal(data[0:3], CLASSES)
    assert (told.names, told.colors, told.n_classes) == ({2: "membrane"}, {2: "#102030"}, 3)
    assert [made["step"] for made in told.provenance["refined"]] == ["smoothed", "voted"]


def test_a_map_of_another_program_is_counted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "c.tif", CLASSES, photometric="minisblack")
    with pytest.raises(InputError, match="--voxel-size"):
        open_source_map(str(tmp_path / "c.tif"))
    source = open_source_map(str(tmp_path / "c.tif"), (50.0, 4.0, 4.0))
    assert source.n_classes == 3


def test_single_objects_are_no_class_map(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "c.tif", CLASSES.astype(np.uint16) + 5000, photometric="minisblack")
    with pytest.raises(InputError, match="largest id is 5003"):
        open_source_map(str(tmp_path / "c.tif"), (50.0, 4.0, 4.0))
