"""Class maps as precomputed segmentations, read back by TensorStore and by a decoder written from the specification."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import ClassMapTarget, open_volume
from napari_em_autoclass.io.class_map_file import read_class_map
from napari_em_autoclass.io.class_map_target import Blocks
from napari_em_autoclass.io.export_precomputed import write_class_map_precomputed
from napari_em_autoclass.io.pyramid import boxes, level_factors, most_frequent

SHAPE = (20, 300, 290)
SIZE_NM = (50.0, 4.0, 3.0)
CLASSES = np.random.default_rng(0).integers(0, 4, SHAPE, dtype=np.uint8)
CLASSES[:, :130, :130] = 0
TARGET = ClassMapTarget(
    SHAPE, SIZE_NM, 3, {1: "α-tubulin", 3: "mito"}, {1: "#ff0080", 3: "#00ff00"}, {"run": "r1"}, "my classes"
)


def blocks(size: tuple[int, int, int] = (7, 140, 150)) -> Blocks:
    # Backwards: no writer may count on an order.
    for box in reversed(list(boxes(SHAPE, size))):
        yield box, CLASSES[box.slices]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(at: Path, level: int) -> tuple[np.ndarray[Any, Any], Any]:
    """Return a level as TensorStore reads it, turned to (Z, Y, X), and the store."""
    kvstore = {"driver": "file", "path": str(at)}
    store = tensorstore.open(
        {"driver": "neuroglancer_precomputed", "kvstore": kvstore, "scale_index": level}, read=True
    ).result()
    return np.asarray(store.read().result())[..., 0].T, store


def unpacked(packed: bytes, shape_zyx: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Return a chunk of the encoding compressed_segmentation, uint32, blocks of 8, as its specification says."""
    words = np.frombuffer(packed, "<u4")
    channel = words[words[0] :]  # of the only channel
    grid = [-(-n // 8) for n in shape_zyx]
    out = np.zeros([side * 8 for side in grid], np.uint32)
    for number, (z, y, x) in enumerate(np.ndindex(*grid)):
        low, values_at = (int(word) for word in channel[2 * number : 2 * number + 2])
        table_at, bits = low & 0xFFFFFF, low >> 24
        picks = np.zeros(512, int)
        if bits:
            places = np.arange(512) * bits
            picks = (channel[values_at + places // 32] >> (places % 32).astype(np.uint32)) & ((1 << bits) - 1)
        block = channel[table_at + picks].reshape(8, 8, 8)  # x fastest
        out[z * 8 : z * 8 + 8, y * 8 : y * 8 + 8, x * 8 : x * 8 + 8] = block
    return out[: shape_zyx[0], : shape_zyx[1], : shape_zyx[2]]


def test_all_levels_come_back_and_agree_with_the_specification(tmp_path: Path) -> None:
    at = write_class_map_precomputed(tmp_path / "c.precomputed", blocks(), TARGET)
    factors = level_factors(SHAPE, SIZE_NM)
    assert len(factors) == 2
    fine, store = read(at, 0)
    np.testing.assert_array_equal(fine, CLASSES)
    assert store.dtype == tensorstore.uint32
    coarse, store = read(at, 1)
    np.testing.assert_array_equal(coarse, most_frequent(CLASSES, factors[1]))
    assert names(tmp_path) == ["c.precomputed"]
    info = json.loads((at / "info").read_text())
    assert (info["@type"], info["type"]) == ("neuroglancer_multiscale_volume", "segmentation")
    assert [scale["resolution"] for scale in info["scales"]] == [[3, 4, 50], [6, 8, 50]]
    chunk = at / info["scales"][0]["key"] / "128-256_128-256_0-16"
    np.testing.assert_array_equal(unpacked(chunk.read_bytes(), (16, 128, 128)), CLASSES[:16, 128:256, 128:256])
    assert not (at / info["scales"][0]["key"] / "0-128_0-128_0-16").exists()  # nothing is classified there


def test_names_colours_and_a_view_stand_beside_it(tmp_path: Path) -> None:
    at = write_class_map_precomputed(tmp_path / "my map.precomputed", blocks(), TARGET)
    info = json.loads((at / "info").read_text())
    properties = json.loads((at / info["segment_properties"] / "info").read_text())
    assert properties["@type"] == "neuroglancer_segment_properties"
    assert properties["inline"]["ids"] == ["1", "3"]
    assert properties["inline"]["properties"] == [{"id": "label", "type": "label", "values": ["α-tubulin", "mito"]}]
    state = json.loads((at / "neuroglancer.json").read_text())
    assert state["dimensions"] == {"x": [3e-9, "m"], "y": [4e-9, "m"], "z": [5e-8, "m"]}
    assert state["position"] == [145, 150, 10]
    (layer,) = state["layers"]
    assert layer["source"] == "precomputed://http://localhost:9000/my%20map.precomputed"
    assert layer["segmentColors"] == {"1": "#ff0080", "3": "#00ff00"}


def test_our_readers_take_it_back(tmp_path: Path) -> None:
    at = write_class_map_precomputed(tmp_path / "c.precomputed", blocks(), TARGET)
    assert open_volume(at).voxel_size_nm == SIZE_NM
    data, info = read_class_map(at)
    np.testing.assert_array_equal(data[:], CLASSES)
    assert (info.names, info.colors, info.n_classes) == (TARGET.names, TARGET.colors, 3)
    assert (info.voxel_size_nm, info.provenance) == (SIZE_NM, {"run": "r1"})


def test_a_part_lies_where_it_was_cut_out(tmp_path: Path) -> None:
    part = replace(TARGET, corner_zyx=(7, 40, 61))
    at = write_class_map_precomputed(tmp_path / "c.precomputed", blocks(), part)
    assert read(at, 0)[1].domain.origin == (61, 40, 7, 0)
    assert read(at, 1)[1].domain.origin == (30, 20, 7, 0)
    np.testing.assert_array_equal(read(at, 0)[0], CLASSES)
    assert json.loads((at / "neuroglancer.json").read_text())["position"] == [61 + 145, 40 + 150, 7 + 10]


def test_blocks_that_end_in_an_error_leave_nothing(tmp_path: Path) -> None:
    def failing() -> Blocks:
        yield next(iter(blocks()))
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_class_map_precomputed(tmp_path / "c.precomputed", failing(), TARGET)
    assert names(tmp_path) == []


def test_it_is_replaced_only_when_asked_and_nothing_else_ever_is(tmp_path: Path) -> None:
    at = write_class_map_precomputed(tmp_path / "c.precomputed", blocks(), TARGET)
    with pytest.raises(InputError, match="exists already"):
        write_class_map_precomputed(at, blocks(), TARGET)
    write_class_map_precomputed(at, [], TARGET, overwrite=True)
    assert not read(at, 0)[0].any()
    (tmp_path / "photos.precomputed").mkdir()
    with pytest.raises(InputError, match="is not overwritten"):
        write_class_map_precomputed(tmp_path / "photos.precomputed", blocks(), TARGET, overwrite=True)


def test_probabilities_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose OME-Zarr"):
        write_class_map_precomputed(tmp_path / "c.precomputed", blocks(), replace(TARGET, probabilities=True))
