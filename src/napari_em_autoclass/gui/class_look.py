"""How each row of the list of classes looks, worked out once per decision: the list asks again at every repaint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.group import Group, default_name

__all__ = ["ClassLook", "changed", "look_of_member", "looks_of", "moves", "runs"]


# All sets of flags there are: to make one for each row took longer than to find out what holds.
_FLAGS = {
    some: frozenset(some) for n in range(5) for some in combinations(("visible", "named", "locked", "ignored"), n)
}


class ClassLook(NamedTuple):
    """Name, colour, member ids and flags ("visible", "named", "locked", "ignored") of a class or group."""

    name: str
    color: str
    members: tuple[int, ...]
    flags: frozenset[str]


def looks_of(class_map: ClassMap) -> dict[int, ClassLook]:
    """Return the look of each row, by shown id, in the order of the rows."""
    # To ask the class map about each row would search all groups for each: of 254 classes that was a quarter of the
    # processor's time from a key press to the picture.
    groups = {group.members[0]: group for group in class_map.groups}
    return {row: _look(class_map, row, groups.get(row)) for row in class_map.rows()}


def look_of_member(class_map: ClassMap, class_id: int) -> ClassLook:
    """Return the look of a class by itself, also where it is merged."""
    group = next((group for group in class_map.groups if class_id in group.members), None)
    return ClassLook(*class_map.own(class_id), (class_id,), _look(class_map, class_id, group).flags)


def moves(old: Sequence[int], new: Sequence[int]) -> tuple[list[range], list[range]] | None:
    """Return which places go from `old` and which come in `new`, in runs; None where those that stay change order."""
    stay = set(old) & set(new)
    if [row for row in old if row in stay] != [row for row in new if row in stay]:
        return None
    gone = [place for place, row in enumerate(old) if row not in stay]
    come = [place for place, row in enumerate(new) if row not in stay]
    return runs(gone), runs(come)


def runs(places: Sequence[int]) -> list[range]:
    """Return ascending places as ranges without gaps."""
    found: list[range] = []
    for place in places:
        if found and found[-1].stop == place:
            found[-1] = range(found[-1].start, place + 1)
        else:
            found.append(range(place, place + 1))
    return found


def changed(old: Mapping[int, ClassLook], new: Mapping[int, ClassLook]) -> list[range]:
    """Return the places in `new` of rows that looked otherwise in `old`, or weren't there, in runs."""
    return runs([place for place, (row, look) in enumerate(new.items()) if old.get(row) != look])


def _look(class_map: ClassMap, row: int, group: Group | None) -> ClassLook:
    if group is not None:
        name, color, members = group.name, group.color, group.members
    else:
        (name, color), members = class_map.own(row), (row,)
    flags = [] if class_map.hidden.issuperset(members) else ["visible"]
    if name != default_name(*members) and class_map.is_named(row):
        flags.append("named")
    if not class_map.locked.isdisjoint(members):
        flags.append("locked")
    if class_map.ignored.issuperset(members):
        flags.append("ignored")
    return ClassLook(name, color, members, _FLAGS[tuple(flags)])
