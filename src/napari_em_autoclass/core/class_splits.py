"""Split one class of a `ClassMap` into parts, and take a split back; what a split is stands in `split`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_em_autoclass.core.class_map_store import FLAGS
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.split import Split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.split import FoundParts

__all__ = ["checked_to_split", "now_shown", "with_split", "without_split"]


def checked_to_split(class_map: ClassMap, class_id: int) -> int:
    """Return `class_id` if that class may be split.

    Raises
    ------
    InputError
        If it is unknown, merged, locked, split already, or itself a part.
    """
    name = class_map.name_of(class_id)
    if class_map.split_of(class_id):
        raise InputError(f"{name} is split already; take that back, then split into more parts")
    if len(class_map.members(class_id)) > 1:
        raise InputError(f"{name} is merged; un-merge it, then split one of its classes")
    if class_id in class_map.locked:
        raise InputError(f"{name} is locked; unlock it to split it")
    return class_id


def with_split(class_map: ClassMap, found: FoundParts) -> ClassMap:
    """Return `class_map` with the parts of a class in its place: "class 7 a" and so on, hidden where it was.

    Raises
    ------
    InputError
        If the class may not be split, or there is no room for the parts.
    """
    class_id = checked_to_split(class_map, found.class_id)
    taken = class_map.ids[class_map.n_classes :]
    made = Split.of(found, taken, class_map.n_classes, class_map.colors[class_id - 1])
    flags: dict[str, Any] = {flag: getattr(class_map, flag) for flag in FLAGS}
    flags = {flag: ids.union(made.ids) if class_id in ids else ids for flag, ids in flags.items()}
    return replace(class_map, splits=tuple(sorted((*class_map.splits, made), key=lambda s: s.class_id)), **flags)


def without_split(class_map: ClassMap, class_id: int) -> ClassMap:
    """Return `class_map` with a class whole again, as it showed before; its parts are forgotten.

    Parameters
    ----------
    class_map : as decided so far
    class_id : the class, or one of its parts

    Raises
    ------
    InputError
        If the class is not split, or one of its parts is locked or merged.
    """
    split = class_map.split_of(class_id)
    if split is None:
        raise InputError(f"{class_map.name_of(class_id)} is not split")
    for i in split.ids:
        if len(class_map.members(i)) > 1:
            raise InputError(f"{class_map.name_of(i)} is merged; un-merge it to take the split back")
        if i in class_map.locked:
            raise InputError(f"{class_map.name_of(i)} is locked; unlock it to take the split back")
    flags: dict[str, Any] = {flag: getattr(class_map, flag).difference(split.ids) for flag in FLAGS}
    return replace(class_map, splits=tuple(other for other in class_map.splits if other is not split), **flags)


def now_shown(class_map: ClassMap, ids: Iterable[int]) -> tuple[int, ...]:
    """Return the rows in which `ids` show now: of a split class its parts, of a part that is gone nothing."""
    parts = {split.class_id: split.ids for split in class_map.splits}
    found = [i for given in ids for i in parts.get(given, (given,)) if i in class_map.ids]
    return tuple(dict.fromkeys(class_map.shown_id(i) for i in found))
