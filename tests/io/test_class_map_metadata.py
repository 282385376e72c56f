"""The attributes of an OME-Zarr class map; that they are valid is in `test_export_zarr`."""

from __future__ import annotations

from napari_em_autoclass.io.class_map_metadata import class_attributes, probability_attributes
from napari_em_autoclass.io.class_map_target import ClassMapTarget

TARGET = ClassMapTarget((4, 8, 8), (50.0, 4.0, 3.0), 2, names={1: "a"}, colors={2: "#0102ff"}, provenance={"run": "r"})


def test_a_level_has_its_scale_and_its_shift() -> None:
    told = class_attributes(TARGET, [(1, 1, 1), (1, 2, 2)])["ome"]["multiscales"][0]["datasets"]
    assert told[0]["coordinateTransformations"] == [{"type": "scale", "scale": [50.0, 4.0, 3.0]}]
    assert told[1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [50.0, 8.0, 6.0]},
        {"type": "translation", "translation": [0.0, 2.0, 1.5]},
    ]


def test_names_colours_and_provenance_are_told() -> None:
    told = class_attributes(TARGET, [(1, 1, 1)])
    label = told["ome"]["image-label"]
    assert label == {
        "colors": [{"label-value": 2, "rgba": [1, 2, 255, 255]}],
        "properties": [{"label-value": 1, "name": "a"}],
    }
    assert told["napari-em-autoclass"] == {"n_classes": 2, "provenance": {"run": "r"}}


def test_probabilities_have_a_channel_for_each_class() -> None:
    told = probability_attributes(TARGET)
    assert told["napari-em-autoclass"]["class_of_channel"] == [1, 2]
    assert told["ome"]["multiscales"][0]["axes"][0] == {"name": "c", "type": "channel"}
