"""OME-Zarr: versions, axes, levels, units."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io import open_volume

SIZE_NM = (50.0, 4.0, 3.0)
DATA = (np.arange(6 * 8 * 10) % 251).reshape(6, 8, 10).astype(np.uint8)
COARSE = DATA[:, ::2, ::2]


def axes_of(letters, unit="nanometer"):
    types = {"t": "time", "c": "channel"}
    return [
        {"name": a, "type": types.get(a, "space"), **({"unit": unit} if a in "zyx" and unit else {})} for a in letters
    ]


def write(path, version="0.5", letters="zyx", unit="nanometer", factor=1.0, lead=(), axes=None):
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)
    sizes = [1.0] * len(lead) + [size * factor for size in SIZE_NM]
    datasets = []
    for name, data, step in (("s0", DATA, 1), ("s1", COARSE, 2)):
        stacked = np.broadcast_to(data, (*lead, *data.shape)).copy()
        if lead and lead[-1] > 1:
            stacked += np.arange(lead[-1], dtype=np.uint8)[:, None, None, None]
        group.create_array(name, data=stacked)
        scale = [*sizes[:-2], sizes[-2] * step, sizes[-1] * step]
        datasets.append({"path": name, "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    listed = axes_of(letters, unit) if axes is None else axes
    multiscale = {"axes": listed, "datasets": datasets, **({"version": version} if version != "0.5" else {})}
    attributes = {"multiscales": [multiscale]}
    group.attrs.update({"ome": {"version": version, **attributes}} if version == "0.5" else attributes)
    return path


def assert_same(volume, data):
    assert volume.shape_zyx == data.shape
    np.testing.assert_array_equal(volume.read(Box.whole(data.shape)), data)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(("letters", "lead"), [("zyx", ()), ("czyx", (1,)), ("tczyx", (1, 1))])
def test_every_level_comes_with_its_voxel_size(version, letters, lead, tmp_path):
    path = write(tmp_path / "s.ome.zarr", version, letters, lead=lead)
    finest, coarse = open_volume(path), open_volume(path, level=1)
    assert (finest.name, finest.voxel_size_nm, coarse.voxel_size_nm) == ("s", SIZE_NM, (50, 8, 6))
    assert_same(finest, DATA)
    assert_same(coarse, COARSE)
    assert_same(open_volume(coarse.source), COARSE)
    with pytest.raises(InputError, match="levels 0 to 1 and no level 2"):
        open_volume(path, level=2)


@pytest.mark.parametrize(("unit", "factor"), [("micrometer", 1e-3), ("angstrom", 10), ("millimeter", 1e-6)])
def test_units_are_converted(unit, factor, tmp_path):
    assert open_volume(write(tmp_path / "s.zarr", unit=unit, factor=factor)).voxel_size_nm == SIZE_NM


def test_a_scale_without_unit_is_no_voxel_size(tmp_path):
    with pytest.raises(MissingVoxelSize):
        open_volume(write(tmp_path / "s.zarr", unit=None))


def test_a_channel_is_chosen_not_guessed(tmp_path):
    path = write(tmp_path / "s.zarr", letters="czyx", lead=(3,))
    with pytest.raises(InputError, match=r"axis C has 3 entries \(0 to 2\); choose one, e.g. axes C\[0\]ZYX"):
        open_volume(path)
    volume = open_volume(path, axes="C[2]ZYX")
    assert volume.voxel_size_nm == SIZE_NM
    assert_same(volume, DATA + 2)


def test_an_array_of_a_pyramid_opened_by_its_path_takes_the_metadata_of_the_group(tmp_path):
    path = write(tmp_path / "s.zarr")
    volume = open_volume(path / "s1")
    assert volume.voxel_size_nm == (50, 8, 6)
    assert_same(volume, COARSE)


def test_scales_of_level_and_pyramid_are_multiplied(tmp_path):
    path = write(tmp_path / "s.zarr")
    group = zarr.open_group(path)
    ome = group.attrs["ome"]
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [2.0, 3.0, 5.0]}]
    group.attrs["ome"] = ome
    assert open_volume(path).voxel_size_nm == (100, 12, 15)


def test_axes_written_as_bare_names_are_read(tmp_path):
    path = write(tmp_path / "s.zarr", "0.4", axes=["z", "y", "x"])
    assert_same(open_volume(path, voxel_size_nm=SIZE_NM), DATA)


def test_metadata_without_axes_means_the_five_of_the_first_versions(tmp_path):
    path = write(tmp_path / "s.zarr", "0.4", "tczyx", lead=(1, 1))
    group = zarr.open_group(path)
    multiscale = dict(group.attrs["multiscales"][0])
    del multiscale["axes"]
    group.attrs["multiscales"] = [multiscale]
    assert_same(open_volume(path, voxel_size_nm=SIZE_NM), DATA)


def test_the_image_in_the_layout_of_bioformats2raw_is_found(tmp_path):
    zarr.create_group(tmp_path / "s.zarr", attributes={"ome": {"version": "0.5", "bioformats2raw.layout": 3}})
    write(tmp_path / "s.zarr" / "0")
    assert_same(open_volume(tmp_path / "s.zarr"), DATA)
    write(tmp_path / "s.zarr" / "1")
    with pytest.raises(InputError, match="0 OME-Zarr image, 1 OME-Zarr image; choose one"):
        open_volume(tmp_path / "s.zarr")
    assert_same(open_volume(tmp_path / "s.zarr", dataset="1"), DATA)


def test_labels_inside_an_image_are_opened_by_their_path(tmp_path):
    path = write(tmp_path / "s.zarr")
    zarr.create_group(path / "labels")
    write(path / "labels" / "mito")
    assert_same(open_volume(path / "labels" / "mito", level=1), COARSE)
    assert_same(open_volume(path, dataset="labels/mito/s1"), COARSE)


@pytest.mark.parametrize("multiscales", [[], [{}], [{"datasets": []}], "x", [{"datasets": [{"path": "gone"}]}]])
def test_broken_metadata_is_an_input_error_or_left_aside(multiscales, tmp_path):
    path = write(tmp_path / "s.zarr")
    zarr.open_group(path).attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size_nm=SIZE_NM)
    assert "\n" not in str(caught.value)
