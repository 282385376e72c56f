"""Undo and redo for a `ClassMap`, without limit, as a pure value that survives in `classes.json`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import index
from typing import TYPE_CHECKING, Any, Final, Self

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.migrations import SCHEMA_VERSIONS, migrated
from napari_em_autoclass.core.split import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.class_map import ClassMap

__all__ = ["History"]

_MAX_REVISION: Final = 2**53


@dataclass(frozen=True, slots=True)
class History:
    """The class map now, and those before and after it.

    Parameters
    ----------
    past : older class maps, oldest first
    present : the one that shows
    future : what `redo` brings back, next first
    revision : of the file it was read from; edits don't change it, see `class_file`
    """

    past: tuple[ClassMap, ...]
    present: ClassMap
    future: tuple[ClassMap, ...] = ()
    revision: int = field(default=0, compare=False)

    @classmethod
    def of(cls, class_map: ClassMap) -> Self:
        """Return the history that begins with `class_map`."""
        return cls((), class_map)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back and nothing done since."""
        return bool(self.future)

    def do(self, class_map: ClassMap) -> Self:
        """Make `class_map` the present; a step that changes nothing leaves no trace."""
        if class_map == self.present:
            return self
        return replace(self, past=(*self.past, self.present), present=class_map, future=())

    def undo(self) -> Self:
        """Take the last step back; without one, nothing happens."""
        if not self.past:
            return self
        return replace(self, past=self.past[:-1], present=self.past[-1], future=(self.present, *self.future))

    def redo(self) -> Self:
        """Do again what was taken back; without it, nothing happens."""
        if not self.future:
            return self
        return replace(self, past=(*self.past, self.present), present=self.future[0], future=self.future[1:])

    def on_top_of(self, theirs: History) -> History:
        """Return what another program made of the classes, with this present as one more step that can be undone."""
        return theirs.do(self.present)

    def permuted(self, new_to_old: Sequence[int]) -> Self:
        """Carry every step over to re-made classes, so that undo never speaks of the old ids.

        Raises
        ------
        InputError
            If it is not a permutation of 1..K; see `ClassMap.permuted`.
        """
        past = tuple(class_map.permuted(new_to_old) for class_map in self.past)
        future = tuple(class_map.permuted(new_to_old) for class_map in self.future)
        return replace(self, past=past, present=self.present.permuted(new_to_old), future=future)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, as stored in `classes.json`."""
        steps = (*self.past, self.present, *self.future)
        splits = tuple(dict.fromkeys(split for class_map in steps for split in class_map.splits))
        stored = [_with_numbers(class_map, splits) for class_map in steps]
        n_past = len(self.past)
        own = {"past": stored[:n_past], "present": stored[n_past], "future": stored[n_past + 1 :]}
        # Each split once: its centres are hundreds of numbers, and every later step has it too.
        return {
            "schema_version": SCHEMA_VERSIONS["classes"],
            "revision": self.revision,
            **own,
            **({"splits": [s.to_json() for s in splits]} if splits else {}),
        }

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Return the history that `to_json` stored.

        Raises
        ------
        InputError
            If it has another schema, or is damaged.
        """
        from napari_em_autoclass.core.class_map import ClassMap  # here, since `class_map` offers `History` too

        stored = migrated("classes", stored, "classes.json")
        try:
            revision = index(stored.get("revision", 0))
            # Each made once, however many steps have it: a small file must not grow large in memory.
            splits = [Split.from_json(split) for split in stored.get("splits", [])]
            past = tuple(ClassMap.from_json(_with_splits(class_map, splits)) for class_map in stored["past"])
            future = tuple(ClassMap.from_json(_with_splits(class_map, splits)) for class_map in stored["future"])
            present = ClassMap.from_json(_with_splits(stored["present"], splits))
        except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
            raise InputError(f"classes.json is damaged ({type(error).__name__}: {error}); restore it") from error
        if not 0 <= revision <= _MAX_REVISION:
            raise InputError(f"classes.json is damaged: it has revision {revision:.3g}; restore it")
        if {class_map.n_classes for class_map in (*past, *future)} - {present.n_classes}:
            raise InputError("classes.json is damaged: its steps differ in their number of classes; restore it")
        return cls(past, present, future, revision)


def _with_numbers(class_map: ClassMap, splits: Sequence[Split]) -> dict[str, Any]:
    """Return what is stored of a step, each of its splits as its place among all."""
    stored = class_map.to_json()
    return {**stored, "splits": [splits.index(split) for split in class_map.splits]} if class_map.splits else stored


def _with_splits(stored: dict[str, Any], splits: Sequence[Split]) -> dict[str, Any]:
    """Undo `_with_numbers`."""
    return {**stored, "splits": [splits[at] for at in stored["splits"]]} if "splits" in stored else stored
