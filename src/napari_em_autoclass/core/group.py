"""Classes shown as one, and the smaller groups they were merged from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Any, Self

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.palette import checked_color

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Group", "check_groups", "default_name", "in_order", "tidy_name"]


@dataclass(frozen=True, slots=True)
class Group:
    """Classes shown as one, under the id of the smallest.

    Parameters
    ----------
    members : class ids, ascending, at least two
    name : shown instead of the members' names
    color : '#rrggbb', shown instead of the members' colours
    parts : all smaller groups that went into it, those inside others too, each without parts of its own; flat, since
        254 classes merged one by one would nest deeper than Python compares or stores
    """

    members: tuple[int, ...]
    name: str
    color: str
    parts: tuple[Group, ...] = ()

    def apart(self) -> tuple[Group, ...]:
        """Return the groups it was last merged from, in order."""
        inside: dict[Group, list[Group]] = {}
        for part in sorted(self.parts, key=lambda part: -len(part.members)):
            around = next((outer for outer in inside if part.members[0] in outer.members), None)
            if around is None:
                inside[part] = []
            else:
                inside[around].append(part)
        return in_order(replace(outer, parts=in_order(parts)) for outer, parts in inside.items())

    def with_parts(self, merged: Iterable[Group]) -> Group:
        """Return the group remembering that it was merged from the groups `merged`."""
        return replace(self, parts=in_order(part for g in merged for part in (replace(g, parts=()), *g.parts)))

    def renumbered(self, new_of: Mapping[int, int]) -> Group:
        """Return the group with each member ``i`` called ``new_of[i]``; a name given by hand is kept."""
        members = tuple(sorted(new_of[i] for i in self.members))
        name = default_name(*members) if self.name == default_name(*self.members) else self.name
        return replace(self, members=members, name=name, parts=in_order(part.renumbered(new_of) for part in self.parts))

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings."""
        parts = [part.to_json() for part in self.parts]
        return {"members": list(self.members), "name": self.name, "color": self.color, "parts": parts}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Return the group that `to_json` stored; `check_groups` tells whether it makes sense.

        Raises
        ------
        KeyError, TypeError
            If it is damaged.
        """
        members = tuple(index(i) for i in stored["members"])
        parts = in_order(cls.from_json(part) for part in stored["parts"])
        return cls(members, str(stored["name"]), str(stored["color"]), parts)


def check_groups(groups: tuple[Group, ...], known: frozenset[int]) -> None:
    """Refuse groups that no sequence of merges of the `known` classes could have made.

    Raises
    ------
    InputError
        If a group or a list of groups is out of order, overlaps another, has a single or an unknown member, or a colour
        that is none.
    """
    grouped = [member for group in groups for member in group.members]
    if groups != in_order(groups) or len(set(grouped)) < len(grouped) or not known.issuperset(grouped):
        raise InputError("class map is damaged: its groups overlap or hold unknown classes; restore classes.json")
    for group in groups:
        innermost = dict.fromkeys(group.members, group)
        _check_merge(group)
        for part in sorted(group.parts, key=lambda part: -len(part.members)):
            _check_merge(part)
            around = innermost.get(part.members[0], part)
            if part.parts or len(part.members) >= len(around.members) or not _lies_in(part, around, innermost):
                raise InputError(f"class map is damaged: group {part.name!r} overlaps another; restore classes.json")
            innermost.update(dict.fromkeys(part.members, part))


def in_order(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Return the groups by their smallest member, larger ones first: the order in which class maps keep them."""
    return tuple(sorted(groups, key=lambda group: (group.members[:1], -len(group.members))))


def default_name(*members: int) -> str:
    """Return what a class or group is called until somebody names it: "class 3", "class 3 +2"."""
    return f"class {members[0]}" + (f" +{len(members) - 1}" if len(members) > 1 else "")


def tidy_name(name: str) -> str:
    """Return `name` on one line, without blanks around it."""
    return " ".join(name.split())


def _check_merge(group: Group) -> None:
    checked_color(group.color)
    if len(group.members) < 2 or group.members != tuple(sorted(set(group.members))):
        raise InputError(f"class map is damaged: group {group.name!r} is no merge; restore classes.json")


def _lies_in(part: Group, around: Group, innermost: Mapping[int, Group]) -> bool:
    return all(innermost.get(member) is around for member in part.members)
