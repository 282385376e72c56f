"""How a `ClassMap` is stored as JSON, and what no stored one may contradict."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError, require_schema
from napari_em_autoclass.core.group import Group, check_groups, in_order
from napari_em_autoclass.core.palette import MAX_CLASSES, checked_color
from napari_em_autoclass.core.split import Split, check_splits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_em_autoclass.core.class_map import ClassMap

__all__ = ["FLAGS", "check_class_map", "class_map_to_json", "stored_parts"]

#: What a class can be marked as; each is a set of ids in a class map.
FLAGS: Final = ("hidden", "locked", "ignored")

_MAX_NAME: Final = 1000  # characters
_SCHEMA_VERSION: Final = 1
_SCHEMA_WITH_SPLITS: Final = 2  # only where there are some, so that older versions still read the rest


def check_class_map(class_map: ClassMap) -> None:
    """Refuse a class map whose parts contradict each other.

    Raises
    ------
    InputError
        If so (a damaged `classes.json`).
    """
    n_classes = class_map.n_classes
    if not 1 <= n_classes <= MAX_CLASSES:
        raise InputError(f"{n_classes} classes can't be shown; choose 1 to {MAX_CLASSES}")
    if len(class_map.names) != n_classes or len(class_map.colors) != n_classes:
        raise InputError(f"{len(class_map.names)} names and {len(class_map.colors)} colours for {n_classes} classes")
    for color in class_map.colors:
        checked_color(color)
    if any(len(name) > _MAX_NAME for name in _all_names(class_map)):
        raise InputError(f"a name of more than {_MAX_NAME} characters can't be shown; choose a shorter one")
    check_splits(class_map.splits, n_classes)
    known = frozenset(class_map.ids)
    check_groups(class_map.groups, known - {split.class_id for split in class_map.splits})
    if not all(getattr(class_map, flag) <= known for flag in FLAGS):
        raise InputError(f"hidden, locked or ignored classes outside 1 to {n_classes}")


def class_map_to_json(class_map: ClassMap) -> dict[str, Any]:
    """Return plain lists, numbers and strings, as stored in `classes.json`."""
    stored: dict[str, Any] = {
        "schema_version": _SCHEMA_WITH_SPLITS if class_map.splits else _SCHEMA_VERSION,
        "n_classes": class_map.n_classes,
        "names": list(class_map.names),
        "colors": list(class_map.colors),
        "groups": [group.to_json() for group in class_map.groups],
        **{flag: sorted(getattr(class_map, flag)) for flag in FLAGS},
    }
    return {**stored, "splits": [split.to_json() for split in class_map.splits]} if class_map.splits else stored


def stored_parts(stored: Any) -> dict[str, Any]:
    """Return what `class_map_to_json` stored, as the arguments of `ClassMap`.

    Raises
    ------
    InputError
        If it has another schema, or is damaged.
    """
    with_splits = isinstance(stored, dict) and "splits" in stored
    require_schema(stored, _SCHEMA_WITH_SPLITS if with_splits else _SCHEMA_VERSION, "class map")
    try:
        return {
            "n_classes": index(stored["n_classes"]),
            "names": tuple(str(name) for name in stored["names"]),
            "colors": tuple(stored["colors"]),
            "groups": in_order(Group.from_json(group) for group in stored["groups"]),
            "splits": tuple(_split(split) for split in stored["splits"]) if with_splits else (),
            **{flag: frozenset(index(i) for i in stored[flag]) for flag in FLAGS},
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"class map is damaged ({type(error).__name__}: {error}); restore classes.json") from error


def _all_names(class_map: ClassMap) -> Iterator[str]:
    yield from class_map.names
    yield from (part.name for split in class_map.splits for part in split.parts)
    yield from (each.name for group in class_map.groups for each in (group, *group.parts))


def _split(stored: Any) -> Split:
    return stored if isinstance(stored, Split) else Split.from_json(stored)
