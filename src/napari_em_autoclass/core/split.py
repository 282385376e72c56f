"""One class told apart into parts, beside the K classes that were learned.

A split never rewrites the K-class result.  It is a small table: a class id, and for each part an id of its own above K
with a centre in the embedding of the run's classifier.  Whoever shows, predicts or exports a class map asks the
classifier for the class first, exactly as before, and then, only where it is the class that was split, for the part
with the nearest centre (`classifier.SplitClassifier`).  So no pixel of another class can change, a part's id leads back
to its class, and taking the split back shows the class as it was, bit for bit.

The centres mean something only in the embedding in which they were found, so a split names the weights it was
`made_with`; under other weights (the run was trained on) the class shows whole until it is split again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Any, Final, Self

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.palette import MAX_CLASSES, checked_color, default_colors

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MAX_PARTS", "FoundParts", "Part", "Split", "check_splits", "part_name"]

#: Into so many parts a class is split at most; more are had by splitting with more classes from the beginning.
MAX_PARTS: Final = 6
_MAX_EMBEDDING: Final = 4096  # numbers; the settings allow for less


@dataclass(frozen=True, slots=True)
class FoundParts:
    """Where the parts of a class lie in the embedding, the largest first; from `splitting.find_parts`.

    Parameters
    ----------
    class_id : the class, 1 to K
    centres : one per part, each (E,)
    temperature : over which distances become probabilities
    made_with : `Model.weights` of the model whose embedding it is
    """

    class_id: int
    centres: tuple[tuple[float, ...], ...]
    temperature: float
    made_with: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a class: an id above K, name, colour '#rrggbb', and its centre (E,) in the embedding."""

    id: int
    name: str
    color: str
    centre: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A class and what it was told apart into; `parts` by id.  The rest as in `FoundParts`."""

    class_id: int
    parts: tuple[Part, ...]
    temperature: float
    made_with: str

    @classmethod
    def of(cls, found: FoundParts, taken: Iterable[int], n_classes: int, color: str) -> Self:
        """Return the split with ids, names and colours for the parts.

        Parameters
        ----------
        found : the parts
        taken : ids above K that are in use
        n_classes : K
        color : of the class; its largest part keeps it

        Raises
        ------
        InputError
            If there are not 2 to 6 parts, or no ids left.
        """
        n_parts, in_use = len(found.centres), frozenset(taken)
        if not 2 <= n_parts <= MAX_PARTS:
            raise InputError(f"a class can be split into 2 to {MAX_PARTS} parts, not {n_parts}")
        free = [i for i in range(n_classes + 1, MAX_CLASSES + 1) if i not in in_use][:n_parts]
        if len(free) < n_parts:
            raise InputError(f"no room for {n_parts} parts: {MAX_CLASSES} ids are all there are; take a split back")
        own = (color, *default_colors(free[-1])[n_classes:])
        parts = (
            Part(i, part_name(found.class_id, k), own[0] if k == 0 else own[i - n_classes], centre)
            for k, (i, centre) in enumerate(zip(free, found.centres, strict=True))
        )
        return cls(found.class_id, tuple(parts), found.temperature, found.made_with)

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the parts, ascending."""
        return tuple(part.id for part in self.parts)

    def default_name(self, part_id: int) -> str:
        """Return what a part is called until somebody names it."""
        return part_name(self.class_id, self.ids.index(part_id))

    def with_part(self, part: Part) -> Self:
        """Return the split with `part` in place of the one with its id."""
        return replace(self, parts=tuple(part if part.id == old.id else old for old in self.parts))

    def bare(self) -> Self:
        """Return the split without names and colours: equal where the same pixels are in the same parts."""
        return replace(self, parts=tuple(replace(part, name="", color="") for part in self.parts))

    def renumbered(self, class_id: int) -> Self:
        """Return the split of a class that is now called `class_id`; names given by hand are kept."""
        new = replace(self, class_id=class_id)
        named = (
            replace(part, name=new.default_name(part.id)) if part.name == self.default_name(part.id) else part
            for part in self.parts
        )
        return replace(new, parts=tuple(named))

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings."""
        parts = [{"id": p.id, "name": p.name, "color": p.color, "centre": list(p.centre)} for p in self.parts]
        own = {"class_id": self.class_id, "temperature": self.temperature, "made_with": self.made_with}
        return {**own, "parts": parts}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Return the split that `to_json` stored; `check_splits` tells whether it makes sense.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is damaged.
        """
        parts = tuple(
            Part(index(p["id"]), str(p["name"]), str(p["color"]), tuple(float(x) for x in p["centre"]))
            for p in stored["parts"]
        )
        return cls(index(stored["class_id"]), parts, float(stored["temperature"]), str(stored["made_with"]))


def check_splits(splits: tuple[Split, ...], n_classes: int) -> None:
    """Refuse splits that nobody could have made of K classes.

    Raises
    ------
    InputError
        If a class is split twice or unknown, an id is taken twice or none, a centre is not like the others, or a colour
        is none.
    """
    whole, ids = [split.class_id for split in splits], [i for split in splits for i in split.ids]
    in_order = whole == sorted(set(whole)) and len(ids) == len(set(ids))
    if not in_order or not all(1 <= i <= n_classes for i in whole) or not all(n_classes < i <= 254 for i in ids):
        raise InputError("class map is damaged: its splits overlap or hold unknown classes; restore classes.json")
    for split in splits:
        lengths = {len(part.centre) for part in split.parts}
        numbers = (split.temperature, *(x for part in split.parts for x in part.centre))
        sizes_fit = 2 <= len(split.parts) <= MAX_PARTS and len(lengths) == 1 and max(lengths) <= _MAX_EMBEDDING
        if not sizes_fit or not all(map(math.isfinite, numbers)) or split.temperature <= 0:
            raise InputError(f"class map is damaged: the split of class {split.class_id}; restore classes.json")
        for part in split.parts:
            checked_color(part.color)


def part_name(class_id: int, k: int) -> str:
    """Return the name of the part number `k` (from 0) of a class: "class 7 a"."""
    return f"class {class_id} {chr(ord('a') + k)}"
