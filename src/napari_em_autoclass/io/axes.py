"""Which axis of an array is which: written down, checked, never guessed from a length.

An axis of length 3 or 4 is not a colour, and the first axis is not a channel, unless the file or the user says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.chunk_grid import ChunkGrid, chunk_sizes
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.lazy import plain_slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["Axes", "as_zyx", "choose_axes", "parse_axes"]

# What TIFF libraries call an axis that the file leaves without a meaning: "sequence" and "unknown".
_UNNAMED = "IQ"


@dataclass(frozen=True, slots=True)
class Axes:
    """The letter of each axis of an array, and for each axis besides Z, Y, X the index that is taken.

    Parameters
    ----------
    letters : one upper-case letter an axis, e.g. ``"CZYX"``
    picks : as long as `letters`; None where the whole axis is kept
    """

    letters: str
    picks: tuple[int | None, ...]

    @property
    def kept(self) -> str:
        """The letters that stay, in the order of the array: some order of Z, Y, X."""
        return "".join(letter for letter, pick in zip(self.letters, self.picks, strict=True) if pick is None)


def parse_axes(text: str) -> Axes:
    """Return the axes written as letters, an index in brackets where one is chosen: ``"ZYX"``, ``"T[0]C[1]ZYX"``.

    Raises
    ------
    InputError
        If the text has another form, repeats a letter, or lacks one of Z, Y, X.
    """
    parts = re.findall(r"([A-Z])(?:\[(\d+)\])?", text.upper())
    written = "".join(letter + (f"[{pick}]" if pick else "") for letter, pick in parts)
    letters = "".join(letter for letter, _ in parts)
    if written != text.upper() or len(set(letters)) != len(letters) or not set("ZYX") <= set(letters):
        raise InputError(f"axes {text!r} are not one letter an axis with Z, Y and X; write e.g. ZYX, CZYX or C[0]ZYX")
    if any(pick and letter in "ZYX" for letter, pick in parts):
        raise InputError(f"axes {text!r} choose one plane of Z, Y or X; choose along other axes only, e.g. C[0]ZYX")
    return Axes(letters, tuple(int(pick) if pick else None for _, pick in parts))


def choose_axes(shape: Sequence[int], in_file: str | None, wanted: str | None, name: str) -> Axes:
    """Return the axes of an array of `shape`, with one index chosen for each axis besides Z, Y, X.

    Parameters
    ----------
    shape : of the array
    in_file : the letters of the axes as the file names them; None where it doesn't
    wanted : what the user says, which stands above the file
    name : of the stack, for messages

    Raises
    ------
    InputError
        If the array is a single image, the axes are not known or don't fit, or an axis besides Z, Y, X has more
        than one entry and none is chosen.
    """
    if len(shape) < 3:
        raise InputError(f"{name}: is one image of shape {tuple(shape)}, but a stack of sections (Z, Y, X) is needed")
    axes = parse_axes(wanted) if wanted is not None else _from_file(shape, in_file, name)
    letters, picks = axes.letters, axes.picks
    if len(letters) > len(shape) == 3 and not any(picks):
        # Files leave out axes of length 1: "TCZYX" is a fair description of a plain stack.
        letters, picks = "".join(letter for letter in letters if letter in "ZYX"), (None,) * 3
    if len(letters) != len(shape):
        raise InputError(f"{name}: axes {axes.letters} name {len(axes.letters)} axes, the array has shape {shape}")
    picks = tuple(_pick(*axis, letters, name) for axis in zip(letters, picks, shape, strict=True))
    return Axes(letters, picks)


def as_zyx(data: ArrayLike, axes: Axes) -> ArrayLike:
    """Return a lazy view of `data` with exactly the axes (Z, Y, X)."""
    if axes.letters == "ZYX":
        return data
    return _Reordered(data, axes)


@dataclass(frozen=True, slots=True)
class _Reordered:
    """An array with its extra axes cut at one index and the others in the order z, y, x."""

    data: ArrayLike
    axes: Axes

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(self.data.shape[self.axes.letters.index(letter)]) for letter in "ZYX")

    @property
    def ndim(self) -> int:
        return 3

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def chunk_grid(self) -> ChunkGrid | None:
        sizes = chunk_sizes(self.data)
        if sizes is None:
            return None
        z, y, x = (sizes[self.axes.letters.index(letter)] for letter in "ZYX")
        return ChunkGrid((z, y, x))

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        slices, dropped = plain_slices(key, self.shape)
        by_letter = dict(zip("ZYX", slices, strict=True))
        picks = zip(self.axes.letters, self.axes.picks, strict=True)
        source = tuple(by_letter[letter] if pick is None else pick for letter, pick in picks)
        block = np.asarray(self.data[source])  # axes in the order of `kept`
        block = block.transpose([self.axes.kept.index(letter) for letter in "ZYX"])  # (z, y, x)
        return block.squeeze(dropped) if dropped else block


def _from_file(shape: Sequence[int], in_file: str | None, name: str) -> Axes:
    if in_file is None:
        if len(shape) > 3:
            raise InputError(
                f"{name}: has {len(shape)} axes of shape {tuple(shape)}; say which is which, e.g. axes CZYX"
            )
        in_file = "ZYX"
    letters = in_file.upper()
    unnamed = [letter for letter in letters if letter in _UNNAMED]
    if "Z" not in letters and len(unnamed) == 1:
        letters = letters.replace(unnamed[0], "Z")
    if not set("ZYX") <= set(letters):
        raise InputError(
            f"{name}: the file calls its axes {in_file} {tuple(shape)}, none of them sections; "
            f"if one is, say so with axes, e.g. {_advice(len(shape))}"
        )
    if len(set(letters)) != len(letters):
        raise InputError(
            f"{name}: the file calls its axes {in_file} {tuple(shape)}; say which is which, e.g. axes CZYX"
        )
    return Axes(letters, (None,) * len(letters))


def _pick(letter: str, pick: int | None, length: int, letters: str, name: str) -> int | None:
    if letter in "ZYX":
        return None
    if pick is None and length == 1:
        return 0
    if pick is None or pick >= length:
        chosen = letters.replace(letter, f"{letter}[0]")
        raise InputError(
            f"{name}: axis {letter} has {length} entries (0 to {length - 1}); choose one, e.g. axes {chosen}"
        )
    return pick


def _advice(n_axes: int) -> str:
    return {3: "ZYX", 4: "CZYX"}.get(n_axes, "TCZYX")
