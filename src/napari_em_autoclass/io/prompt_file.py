"""Prompts as files: a table, JSON as SAM's predictors take it, and layers that napari opens."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.output import new_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_em_autoclass.core.refinement.prompts import Prompt

__all__ = ["napari_paths", "prompt_rows", "write_napari_prompts", "write_prompts"]

_SCHEMA_VERSION: Final = 1
_COLUMNS: Final = ("prompt", "class", "name", "z", "y", "x", "z0", "y0", "x0", "z1", "y1", "x1", "size")


def prompt_rows(prompts: Iterable[Prompt], name: str) -> list[dict[str, Any]]:
    """Return a row a prompt: point (z, y, x) and half-open box (z0 to x1), voxels; `size` counts voxels."""
    rows = []
    for number, prompt in enumerate(prompts, start=1):
        box = prompt.box
        values = (*prompt.point_zyx, box.z0, box.y0, box.x0, box.z1, box.y1, box.x1, prompt.size)
        rows.append(dict(zip(_COLUMNS, (number, prompt.class_id, name, *values), strict=True)))
    return rows


def write_prompts(path: Path, rows: Sequence[dict[str, Any]], overwrite: bool = False) -> Path:
    """Write prompts as CSV or JSON, by the name of `path`.

    In JSON each prompt also stands as SAM's predictors take it: ``point_coords`` [[x, y]] with ``point_labels`` [1],
    and ``box`` [x0, y0, x1, y1] with its last pixels inside, in section ``z``.

    Raises
    ------
    InputError
        If the name is of another format, the file exists, or it can't be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise InputError(f"{path}: prompts are written as .csv or .json; choose such a name")
    text = _csv(_COLUMNS, [row.values() for row in rows]) if suffix == ".csv" else _json(rows)
    return _written(path, text, overwrite)


def napari_paths(path: Path) -> tuple[Path, Path]:
    """Return where the layers for napari go: ``a.csv`` to ``a.points.csv`` and ``a.boxes.csv``."""
    return path.with_suffix(".points.csv"), path.with_suffix(".boxes.csv")


def write_napari_prompts(path: Path, rows: Sequence[dict[str, Any]], overwrite: bool = False) -> tuple[Path, Path]:
    """Write prompts as the points and shapes layers that napari opens, beside `path`; see `napari_paths`.

    A box stands in the section of its point.  Coordinates are voxels: give the layers the scale of the stack.

    Raises
    ------
    InputError
        If a file exists, or can't be written.
    """
    points, boxes = napari_paths(path)
    axes = ("axis-0", "axis-1", "axis-2")
    _written(points, _csv(("index", *axes), [(i, r["z"], r["y"], r["x"]) for i, r in enumerate(rows)]), overwrite)
    corners = []
    for index, row in enumerate(rows):
        top, left, bottom, right = row["y0"] - 0.5, row["x0"] - 0.5, row["y1"] - 0.5, row["x1"] - 0.5
        for vertex, (y, x) in enumerate(((top, left), (top, right), (bottom, right), (bottom, left))):
            corners.append((index, "rectangle", vertex, row["z"], y, x))
    _written(boxes, _csv(("index", "shape-type", "vertex-index", *axes), corners), overwrite)
    return points, boxes


def _json(rows: Sequence[dict[str, Any]]) -> str:
    prompts = [
        {
            **row,
            "point_coords": [[row["x"], row["y"]]],
            "point_labels": [1],
            "box": [row["x0"], row["y0"], row["x1"] - 1, row["y1"] - 1],
        }
        for row in rows
    ]
    return json.dumps({"schema_version": _SCHEMA_VERSION, "prompts": prompts}, indent=1, ensure_ascii=False)


def _csv(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def _written(path: Path, text: str, overwrite: bool) -> Path:
    with new_output(path, overwrite) as partial:
        partial.write_text(text, encoding="utf-8")
    return path
