from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from napari_em_autoclass.io import ClassMapTarget
from napari_em_autoclass.io.segment_properties import LINK, STATE, read_particulars, write_particulars

TARGET = ClassMapTarget((4, 5, 6), (30.0, 8.0, 8.0), 3, {1: "a", 2: "b"}, {2: "#ff0080"}, {"run": "r1"}, "my classes")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "info").write_text('{"scales": [1]}')
    write_particulars(tmp_path, TARGET, "c.precomputed")
    names, colors, project = read_particulars(tmp_path)
    assert (names, colors) == (TARGET.names, TARGET.colors)
    assert project == {"n_classes": 3, "provenance": {"run": "r1"}}
    assert json.loads((tmp_path / "info").read_text()) == {"scales": [1], "segment_properties": "segment_properties"}


def test_the_link_holds_the_state(tmp_path: Path) -> None:
    write_particulars(tmp_path, TARGET, "c.precomputed")
    address = (tmp_path / LINK).read_text().strip()
    assert address.startswith("https://neuroglancer-demo.appspot.com/#!%7B")
    assert json.loads(unquote(address.partition("#!")[2])) == json.loads((tmp_path / STATE).read_text())


def test_a_map_without_names_shows_all_its_classes(tmp_path: Path) -> None:
    write_particulars(tmp_path, ClassMapTarget((4, 5, 6), (30.0, 8.0, 8.0), 3), "c.precomputed")
    assert json.loads((tmp_path / STATE).read_text())["layers"][0]["segments"] == ["1", "2", "3"]


@pytest.mark.parametrize("content", ["{", "[]", "3", "{}", '{"inline": 3, "layers": 3, "processing": 3}'])
def test_what_others_wrote_is_passed_over(content: str, tmp_path: Path) -> None:
    (tmp_path / "segment_properties").mkdir()
    for name in ("segment_properties/info", STATE, "provenance"):
        (tmp_path / name).write_text(content)
    assert read_particulars(tmp_path) == ({}, {}, {})
    assert read_particulars(tmp_path / "nothing") == ({}, {}, {})


@pytest.mark.parametrize(
    ("inline", "names"),
    [
        (
            {"ids": ["1", "x", None, "7"], "properties": [{"type": "label", "values": ["a", "b", "c", 5]}]},
            {1: "a", 7: "5"},
        ),
        ({"ids": ["1", "2"], "properties": [{"type": "number", "values": [1, 2]}]}, {}),
        ({"ids": ["1", "2"], "properties": [3, {"type": "label", "values": ["a"]}]}, {1: "a"}),
        ({"ids": 3, "properties": [{"type": "label", "values": {}}]}, {}),
    ],
)
def test_names_are_read_as_far_as_they_fit(inline: Any, names: dict[int, str], tmp_path: Path) -> None:
    (tmp_path / "segment_properties").mkdir()
    (tmp_path / "segment_properties" / "info").write_text(json.dumps({"inline": inline}))
    assert read_particulars(tmp_path)[0] == names
