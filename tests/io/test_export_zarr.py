"""Class maps as OME-Zarr."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import ClassMapTarget, open_volume, probabilities_path, write_class_map_zarr
from napari_em_autoclass.io.pyramid import boxes, most_frequent

SHAPE = (20, 270, 300)
SIZE_NM = (50.0, 4.0, 3.0)
CLASSES = np.random.default_rng(0).integers(0, 4, SHAPE, dtype=np.uint8)
PROBS = np.random.default_rng(1).integers(0, 256, (3, *SHAPE), dtype=np.uint8)
TARGET = ClassMapTarget(
    SHAPE,
    SIZE_NM,
    3,
    names={1: "membrane", 2: "mitochondria", 3: "α-tubulin"},
    colors={1: "#ff0000", 2: "#00ff80", 3: "#0000ff"},
    provenance={"run": "r1", "settings": {"seed": 0}},
    name="my classes",
)


def blocks(size=(7, 100, 130), probabilities=False):
    for box in boxes(SHAPE, size):
        classes = CLASSES[box.slices]
        yield (box, classes, PROBS[(slice(None), *box.slices)]) if probabilities else (box, classes)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def written(tmp_path):
    return write_class_map_zarr(tmp_path / "c.ome.zarr", blocks(), TARGET)


def test_the_voxels_come_back_from_blocks_of_any_size(written):
    group = zarr.open(str(written), mode="r")
    assert group["0"].dtype == np.uint8
    np.testing.assert_array_equal(group["0"][:], CLASSES)
    assert names(written.parent) == ["c.ome.zarr"]


def test_the_store_opens_as_scoring_tools_open_it(written):
    node = zarr.open(str(written), mode="r")
    while not hasattr(node, "shape"):
        node = node["0"] if "0" in node else node[sorted(node.keys())[0]]
    np.testing.assert_array_equal(np.asarray(node), CLASSES)


def test_the_metadata_are_valid_for_the_models_of_the_specification(written):
    from ome_zarr_models.v05.image_label import ImageLabel

    label = ImageLabel.from_zarr(zarr.open_group(written, mode="r")).ome_attributes
    assert [(c.label_value, c.rgba) for c in label.image_label.colors] == [
        (1, (255, 0, 0, 255)),
        (2, (0, 255, 128, 255)),
        (3, (0, 0, 255, 255)),
    ]
    multiscale = label.multiscales[0]
    assert [(axis.name, axis.type, axis.unit) for axis in multiscale.axes] == [(a, "space", "nanometer") for a in "zyx"]
    scales = [dataset.coordinateTransformations[0].scale for dataset in multiscale.datasets]
    assert scales == [[50, 4, 3], [50, 8, 6]]
    assert multiscale.datasets[1].coordinateTransformations[1].translation == [0, 2, 1.5]


def test_names_and_provenance_are_plain_json_in_the_store(written):
    attributes = json.loads((written / "zarr.json").read_text())["attributes"]
    assert attributes["ome"]["image-label"]["properties"][2] == {"label-value": 3, "name": "α-tubulin"}
    assert attributes["napari-em-autoclass"]["provenance"] == {"run": "r1", "settings": {"seed": 0}}
    assert attributes["napari-em-autoclass"]["n_classes"] == 3


def test_the_coarse_level_holds_the_most_frequent_labels(written):
    np.testing.assert_array_equal(zarr.open(str(written), mode="r")["1"][:], most_frequent(CLASSES, (1, 2, 2)))


def test_our_own_reader_finds_levels_and_voxel_size(written):
    assert open_volume(written).voxel_size_nm == SIZE_NM
    assert open_volume(written, level=1).voxel_size_nm == (50, 8, 6)


def test_voxels_that_no_block_covers_are_not_classified(tmp_path):
    first = next(iter(blocks()))
    group = zarr.open_group(write_class_map_zarr(tmp_path / "c.zarr", [first], TARGET), mode="r")
    assert np.count_nonzero(group["0"][:]) == np.count_nonzero(first[1])


def test_probabilities_go_to_a_store_of_their_own_beside_the_classes(tmp_path):
    path = tmp_path / "c.ome.zarr"
    write_class_map_zarr(path, blocks(probabilities=True), replace(TARGET, probabilities=True))
    assert names(tmp_path) == ["c.ome.zarr", "c.probabilities.ome.zarr"]
    np.testing.assert_array_equal(zarr.open_group(path, mode="r")["0"][:], CLASSES)
    probs = zarr.open_group(probabilities_path(path), mode="r")
    assert probs["0"].dtype == np.uint8
    np.testing.assert_array_equal(probs["0"][:], PROBS)
    volume = open_volume(probabilities_path(path), axes="C[1]ZYX")
    assert volume.voxel_size_nm == SIZE_NM
    np.testing.assert_array_equal(volume.section(3), PROBS[1, 3])


def test_probabilities_are_valid_for_the_models_of_the_specification(tmp_path):
    from ome_zarr_models.v05.image import Image

    path = tmp_path / "c.ome.zarr"
    write_class_map_zarr(path, blocks(probabilities=True), replace(TARGET, probabilities=True))
    image = Image.from_zarr(zarr.open_group(probabilities_path(path), mode="r")).ome_attributes
    assert [axis.name for axis in image.multiscales[0].axes] == list("czyx")


def test_the_store_has_no_groups_inside_which_napari_would_open_instead_of_the_classes(tmp_path):
    path = tmp_path / "c.ome.zarr"
    write_class_map_zarr(path, blocks(probabilities=True), replace(TARGET, probabilities=True))
    assert list(zarr.open_group(path, mode="r").group_keys()) == []
    assert sorted(zarr.open_group(path, mode="r").array_keys()) == ["0", "1"]


@pytest.mark.parametrize("probabilities", [True, False])
def test_blocks_that_end_in_an_error_leave_nothing(probabilities, tmp_path):
    def failing():
        yield next(iter(blocks(probabilities=probabilities)))
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_class_map_zarr(tmp_path / "c.zarr", failing(), replace(TARGET, probabilities=probabilities))
    assert names(tmp_path) == []


def test_an_existing_map_is_kept_unless_overwriting_succeeds(written):
    def never():
        pytest.fail("a block was asked for")
        yield

    with pytest.raises(InputError, match="exists already"):
        write_class_map_zarr(written, never(), TARGET)

    def failing():
        yield from list(blocks())[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_class_map_zarr(written, failing(), TARGET, overwrite=True)
    np.testing.assert_array_equal(zarr.open_group(written, mode="r")["0"][:], CLASSES)
    write_class_map_zarr(written, [], TARGET, overwrite=True)
    assert not zarr.open_group(written, mode="r")["0"][:].any()
    assert names(written.parent) == ["c.ome.zarr"]


def test_blocks_are_taken_one_at_a_time(tmp_path):
    alive: list[int] = []

    class Counted(np.ndarray):
        def __del__(self):
            alive.append(-1)

    def counted():
        for box, classes in blocks((5, 90, 100)):
            alive.append(1)
            yield box, classes.copy().view(Counted)
            assert sum(alive) <= 3

    write_class_map_zarr(tmp_path / "c.zarr", counted(), TARGET)
