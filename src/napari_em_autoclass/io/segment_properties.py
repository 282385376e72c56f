"""What stands beside the voxels of a precomputed class map: names, colours, origin, and a view ready to be opened.

Names are Neuroglancer's segment properties; where the map came from is the file ``provenance`` that cloud-volume keeps;
colours have no place in the format but in the state of a viewer, ``neuroglancer.json``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.class_map_metadata import PROJECT_KEY
from napari_em_autoclass.io.tensor_array import metadata_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.io.class_map_target import ClassMapTarget

__all__ = ["LINK", "STATE", "read_particulars", "write_particulars"]

STATE: Final = "neuroglancer.json"
LINK: Final = "neuroglancer-link.txt"
_INFO, _PROVENANCE, _PROPERTIES = "info", "provenance", "segment_properties"
_SERVED: Final = "http://localhost:9000"
_VIEWER: Final = "https://neuroglancer-demo.appspot.com/#!"


def write_particulars(folder: Path, target: ClassMapTarget, name: str) -> None:
    """Write all that describes the class map in `folder`, whose levels are there already.

    Parameters
    ----------
    folder : of the volume
    target : names, colours and provenance
    name : that the folder is going to have where it is served
    """
    info = metadata_of(folder, _INFO) or {}
    _write(folder / _INFO, {**info, _PROPERTIES: _PROPERTIES})
    (folder / _PROPERTIES).mkdir()
    _write(folder / _PROPERTIES / _INFO, _named(target))
    told = {"n_classes": target.n_classes, "provenance": target.provenance}
    processing = [{"by": PROJECT_KEY, "method": told}]
    _write(folder / _PROVENANCE, {"description": target.name, "owners": [], "processing": processing, "sources": []})
    state = _state(target, name)
    _write(folder / STATE, state)
    address = _VIEWER + quote(json.dumps(state, separators=(",", ":")))
    (folder / LINK).write_text(f"{address}\n", encoding="utf-8")


def read_particulars(folder: Path) -> tuple[dict[int, str], dict[int, str], dict[str, Any]]:
    """Return names by id, colours by id, and ``{"n_classes", "provenance"}`` of a class map, as far as they are there.

    What has another form, whoever wrote it, is passed over.
    """
    names: dict[int, str] = {}
    inline = _table(_table(_content(folder / _PROPERTIES, _INFO)).get("inline"))
    labels = [each for each in _list(inline.get("properties")) if _table(each).get("type") == "label"]
    for each, label in zip(_list(inline.get("ids")), _list(labels[0].get("values")) if labels else (), strict=False):
        with suppress(TypeError, ValueError, OverflowError):
            names[int(each)] = str(label)
    colors: dict[int, str] = {}
    for layer in _list(_table(_content(folder, STATE)).get("layers")):
        for each, color in _table(_table(layer).get("segmentColors")).items():
            with suppress(TypeError, ValueError, OverflowError):
                colors[int(each)] = str(color)
    processing = _list(_table(_content(folder, _PROVENANCE)).get("processing"))
    ours = [_table(_table(each).get("method")) for each in processing if _table(each).get("by") == PROJECT_KEY]
    return names, colors, ours[0] if ours else {}


def _named(target: ClassMapTarget) -> dict[str, Any]:
    ids = sorted(target.names)
    values = [target.names[i] for i in ids]
    properties = [{"id": "label", "type": "label", "values": values}]
    return {
        "@type": "neuroglancer_segment_properties",
        "inline": {"ids": [str(i) for i in ids], "properties": properties},
    }


def _state(target: ClassMapTarget, name: str) -> dict[str, Any]:
    """Return the state of a viewer that shows the middle of the map, all classes in their colours."""
    axes = list(zip("xyz", target.voxel_size_nm[::-1], target.corner_zyx[::-1], target.shape_zyx[::-1], strict=True))
    shown = sorted(target.names) or list(range(1, target.n_classes + 1))
    layer = {
        "type": "segmentation",
        "name": target.name,
        "source": f"precomputed://{_SERVED}/{quote(name)}",
        "segments": [str(i) for i in shown],
        "segmentColors": {str(i): color for i, color in sorted(target.colors.items())},
    }
    return {
        "dimensions": {axis: [float(f"{size * 1e-9:.12g}"), "m"] for axis, size, _, _ in axes},
        "position": [first + n / 2 for _, _, first, n in axes],
        "layers": [layer],
        "selectedLayer": {"layer": target.name, "visible": True},
        "layout": "xy",
    }


def _write(at: Path, content: Any) -> None:
    at.write_text(json.dumps(content), encoding="utf-8")


def _content(folder: Path, file_name: str) -> Any:
    try:
        return metadata_of(folder, file_name)
    except InputError:  # the map is readable without
        return None


def _table(stored: Any) -> dict[str, Any]:
    return stored if isinstance(stored, dict) else {}


def _list(stored: Any) -> list[Any]:
    return stored if isinstance(stored, list) else []
