"""Which class shows as which: names, colours, merges, eyes and locks, as a pure value.

The K-class result on disk and in the layers is never rewritten; whatever the user decides stands here, and layers and
exports look through `ClassMap.lookup`.  Every method returns a new `ClassMap`; `history.History` makes them undoable.
The parts of a class that was split have ids of their own above K, and are named, merged and hidden like classes; how
they are told apart stands in `split`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_em_autoclass.core.class_map_store import FLAGS, check_class_map, class_map_to_json, stored_parts
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.group import Group, default_name, in_order, tidy_name
from napari_em_autoclass.core.history import History
from napari_em_autoclass.core.palette import checked_color, default_colors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.split import Part, Split

__all__ = ["ClassMap", "Group", "History"]


@dataclass(frozen=True, slots=True)
class ClassMap:
    """What is shown for each of K classes.  Class ids are 1..K; 0 means "not classified".

    Wherever a method takes the id of a class, that of a part does too, and any member of a group stands for the whole.

    Parameters
    ----------
    n_classes : K, 1 to 254
    names, colors : one per class, the class's own, whether it is merged or not
    groups : disjoint, by smallest member
    hidden, locked, ignored : class ids; a class that is ignored is left to whoever counts or exports
    splits : by class id; the parts show in place of the class

    Raises
    ------
    InputError
        If the parts contradict each other (a damaged `classes.json`).
    """

    n_classes: int
    names: tuple[str, ...]
    colors: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    hidden: frozenset[int] = frozenset()
    locked: frozenset[int] = frozenset()
    ignored: frozenset[int] = frozenset()
    splits: tuple[Split, ...] = ()

    def __post_init__(self) -> None:
        """Check at the door, once."""
        check_class_map(self)

    @classmethod
    def fresh(cls, n_classes: int, names: Sequence[str] = ()) -> Self:
        """Return the map in which nothing was decided but the first `names`: "class 1", ... in `default_colors`.

        Raises
        ------
        InputError
            If `n_classes` is outside 1 to 254.
        """
        known = (*map(tidy_name, names), *[""] * n_classes)[:n_classes]
        told = tuple(name or default_name(i) for i, name in enumerate(known, 1))
        return cls(n_classes, told, default_colors(n_classes))

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids, ascending: of the K classes, then of the parts of those that are split."""
        return (*range(1, self.n_classes + 1), *sorted(i for split in self.splits for i in split.ids))

    def split_of(self, class_id: int) -> Split | None:
        """Return the split of a class, or the one that a part is of; None for any other id."""
        return next((split for split in self.splits if class_id in (split.class_id, *split.ids)), None)

    def members(self, class_id: int) -> tuple[int, ...]:
        """Return the classes shown together with `class_id`, ascending, itself included.

        Raises
        ------
        InputError
            If there is no such class; so do all methods that take an id.
        """
        group = self._group_of(class_id)
        return group.members if group else (index(class_id),)

    def shown_id(self, class_id: int) -> int:
        """Return the id under which a class is shown: its own, or that of the smallest member of its group."""
        return self.members(class_id)[0]

    def name_of(self, class_id: int) -> str:
        """Return the name shown for a class: its group's, or its own."""
        group = self._group_of(class_id)
        return group.name if group else self.own(class_id)[0]

    def color_of(self, class_id: int) -> str:
        """Return the colour '#rrggbb' shown for a class: its group's, or its own."""
        group = self._group_of(class_id)
        return group.color if group else self.own(class_id)[1]

    def is_named(self, class_id: int) -> bool:
        """Return whether a class, or the group it is in, was named by hand."""
        return self.name_of(class_id) != self._default_name(class_id)

    def is_visible(self, class_id: int) -> bool:
        """Return whether a class shows; a group shows when one of its members does."""
        return not self.hidden.issuperset(self.members(class_id))

    def rows(self) -> tuple[int, ...]:
        """Return the shown ids, ascending, parts at the place of their class; one per group, or class or part alone."""
        gone = {member for group in self.groups for member in group.members[1:]}
        place = {i: split.class_id for split in self.splits for i in split.ids}
        gone.update(place.values())
        return tuple(sorted((i for i in self.ids if i not in gone), key=lambda i: (place.get(i, i), i)))

    def lookup(self) -> NDArray[np.uint8]:
        """Return the table id -> shown id, uint8, shape (K + 1,), or with parts up to the highest id; 0 stays 0."""
        table = np.arange(self.ids[-1] + 1, dtype=np.uint8)
        for group in self.groups:
            table[list(group.members)] = group.members[0]
        return table

    def merge(self, ids: Iterable[int], name: str | None = None, shares: Sequence[float] | None = None) -> Self:
        """Show the classes of `ids`, with all they are already merged with, as one group.

        Parameters
        ----------
        ids : at least two classes that don't show as one yet
        name : without it the name given to the largest of them that was ever named by hand
        shares : share of the voxels of each of the K classes, or of all ids up to the highest; the largest (else the
            first of `ids`) gives its colour

        Raises
        ------
        InputError
            If an id is unknown, fewer than two rows are left to merge, one is locked, or `shares` has not K values.
        """
        rows = tuple(dict.fromkeys(self.shown_id(i) for i in ids))
        if len(rows) < 2:
            raise InputError("choose at least two classes to merge that are not one already")
        for split in (split for split in self.splits if split.class_id in rows):
            raise InputError(f"{self._describe(split.class_id)} is split; merge its parts, or take the split back")
        self._refuse_locked(rows, "merge")
        if shares is not None:
            if len(shares) not in (self.n_classes, self.ids[-1]):
                raise InputError(f"{len(shares)} shares for {self.n_classes} classes")
            known = {i: shares[i - 1] for i in self.ids if i <= len(shares)}
            rows = tuple(sorted(rows, key=lambda row: -sum(known.get(i, 0.0) for i in self.members(row))))
        members = tuple(sorted(member for row in rows for member in self.members(row)))
        parts = tuple(group for group in self.groups if group.members[0] in rows)
        given = [self.name_of(row) for row in rows if self.is_named(row)]
        name = tidy_name(name or "") or next(iter(given), default_name(*members))
        rest = (group for group in self.groups if group not in parts)
        return replace(self, groups=in_order((*rest, Group(members, name, self.color_of(rows[0])).with_parts(parts))))

    def unmerge(self, class_id: int) -> Self:
        """Take the last merge of a group back: the classes and groups it was made of show again as they were.

        Raises
        ------
        InputError
            If the class is not merged, or locked.
        """
        group = self._group_of(class_id)
        if group is None:
            raise InputError(f"{self._describe(class_id)} is not merged; nothing to take apart")
        self._refuse_locked((class_id,), "take apart")
        rest = (other for other in self.groups if other is not group)
        return replace(self, groups=in_order((*rest, *group.apart())))

    def rename(self, class_id: int, name: str) -> Self:
        """Name a class, or the group it is in; an empty name brings "class 3" back."""
        name = tidy_name(name) or self._default_name(class_id)
        if group := self._group_of(class_id):
            return self._with_group(replace(group, name=name))
        if part := self._part(class_id):
            return self._with_part(replace(part, name=name))
        return replace(self, names=(*self.names[: class_id - 1], name, *self.names[class_id:]))

    def recolour(self, class_id: int, color: str) -> Self:
        """Colour a class, or the group it is in.

        Raises
        ------
        InputError
            If `color` is not '#rrggbb'.
        """
        color = checked_color(color)
        if group := self._group_of(class_id):
            return self._with_group(replace(group, color=color))
        if part := self._part(class_id):
            return self._with_part(replace(part, color=color))
        return replace(self, colors=(*self.colors[: class_id - 1], color, *self.colors[class_id:]))

    def with_visible(self, ids: Iterable[int], visible: bool) -> Self:
        """Show or hide classes and groups."""
        return replace(self, hidden=self._flagged(self.hidden, ids, not visible))

    def lock(self, ids: Iterable[int], locked: bool = True) -> Self:
        """Protect classes and groups from being merged or taken apart, or stop protecting them."""
        return replace(self, locked=self._flagged(self.locked, ids, locked))

    def ignore(self, ids: Iterable[int], ignored: bool = True) -> Self:
        """Mark classes and groups as of no interest, or of interest again."""
        return replace(self, ignored=self._flagged(self.ignored, ids, ignored))

    def permuted(self, new_to_old: Sequence[int]) -> Self:
        """Carry all decisions over to re-made classes.

        Parameters
        ----------
        new_to_old : K ids; ``new_to_old[i - 1]`` is the old id of the class that is now called ``i``

        Raises
        ------
        InputError
            If it is not a permutation of 1..K.
        """
        old_ids = [index(i) for i in new_to_old]
        if sorted(old_ids) != list(range(1, self.n_classes + 1)):
            raise InputError(f"new_to_old is not a permutation of 1 to {self.n_classes}")
        new_of = {old: new for new, old in enumerate(old_ids, start=1)} | {i: i for i in self.ids[self.n_classes :]}
        names = (
            default_name(new) if self.names[old - 1] == default_name(old) else self.names[old - 1]
            for new, old in enumerate(old_ids, start=1)
        )
        flags: dict[str, Any] = {flag: frozenset(new_of[i] for i in getattr(self, flag)) for flag in FLAGS}
        colors = tuple(self.colors[old - 1] for old in old_ids)
        groups = in_order(group.renumbered(new_of) for group in self.groups)
        split = sorted((split.renumbered(new_of[split.class_id]) for split in self.splits), key=lambda s: s.class_id)
        return replace(self, names=tuple(names), colors=colors, groups=groups, splits=tuple(split), **flags)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, as stored in `classes.json`."""
        return class_map_to_json(self)

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Return the class map that `to_json` stored.

        Raises
        ------
        InputError
            If it has another schema, or is damaged.
        """
        return cls(**stored_parts(stored))

    def _group_of(self, class_id: int) -> Group | None:
        # True and 2.0 would pass as numbers, but nobody means a class by them.
        if type(class_id) is bool or not hasattr(class_id, "__index__") or not self._is_known(class_id):
            parts = f", parts {', '.join(map(str, self.ids[self.n_classes :]))}" if self.splits else ""
            raise InputError(f"there is no class {class_id}; classes are 1 to {self.n_classes}{parts}")
        return next((group for group in self.groups if class_id in group.members), None)

    def _is_known(self, class_id: int) -> bool:
        return 1 <= class_id <= self.n_classes or any(class_id in split.ids for split in self.splits)

    def _part(self, class_id: int) -> Part | None:
        return next((part for split in self.splits for part in split.parts if part.id == class_id), None)

    def own(self, class_id: int) -> tuple[str, str]:
        """Return the name and colour of a class or part by itself."""
        part = self._part(class_id) if self.splits else None
        return (part.name, part.color) if part else (self.names[class_id - 1], self.colors[class_id - 1])

    def _default_name(self, class_id: int) -> str:
        members, split = self.members(class_id), self.split_of(class_id)
        is_part = split is not None and len(members) == 1 and class_id != split.class_id
        return split.default_name(class_id) if split is not None and is_part else default_name(*members)

    def _with_part(self, part: Part) -> Self:
        return replace(self, splits=tuple(s.with_part(part) if part.id in s.ids else s for s in self.splits))

    def _with_group(self, group: Group) -> Self:
        return replace(self, groups=tuple(group if g.members == group.members else g for g in self.groups))

    def _flagged(self, flagged: frozenset[int], ids: Iterable[int], on: bool) -> frozenset[int]:
        chosen = frozenset(member for i in ids for member in self.members(i))
        return flagged | chosen if on else flagged - chosen

    def _refuse_locked(self, ids: Iterable[int], wish: str) -> None:
        for i in ids:
            if not self.locked.isdisjoint(self.members(i)):
                raise InputError(f"{self._describe(i)} is locked; unlock it to {wish} it")

    def _describe(self, class_id: int) -> str:
        name = self.name_of(class_id)
        return f"class {self.shown_id(class_id)} ({name})" if self.is_named(class_id) else name
