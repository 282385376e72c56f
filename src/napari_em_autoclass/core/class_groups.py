"""Take single classes out of their groups; the rest of a group, and how it came about, stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.group import Group, default_name, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_em_autoclass.core.class_map import ClassMap

__all__ = ["take_out"]


def take_out(class_map: ClassMap, ids: Iterable[int]) -> ClassMap:
    """Return `class_map` with the classes of `ids` no longer in their groups: each shows as itself again.

    A group of which one class is left is none any more; a name or colour given to a group stays with what is left.

    Raises
    ------
    InputError
        If a class is unknown, not merged, or in a locked group.
    """
    gone = frozenset(ids)
    for i in sorted(gone):
        members = class_map.members(i)
        if len(members) == 1:
            raise InputError(f"{class_map.name_of(i)} is not merged; nothing to take it out of")
        if not class_map.locked.isdisjoint(members):
            raise InputError(f"{class_map.name_of(i)} is locked; unlock it to take a class out")
    left = (_without(group, gone) for group in class_map.groups)
    return replace(class_map, groups=in_order(group for group in left if group is not None))


def _without(group: Group, gone: frozenset[int]) -> Group | None:
    """Return what is left of a group, None where that is no group."""
    members = tuple(i for i in group.members if i not in gone)
    if members == group.members:
        return group
    if len(members) < 2:
        return None
    name = default_name(*members) if group.name == default_name(*group.members) else group.name
    parts: dict[tuple[int, ...], Group] = {}
    # The larger first: of two that have become the same, the one merged later is what the user saw last.
    for part in sorted(group.parts, key=lambda part: -len(part.members)):
        left = _without(part, gone)
        if left is not None and len(left.members) < len(members):
            parts.setdefault(left.members, left)
    return Group(members, name, group.color, in_order(parts.values()))
