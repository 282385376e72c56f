"""What the writers of a class map must know besides its voxels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box

__all__ = ["Block", "Blocks", "ClassMapTarget", "checked"]

ClassArray = np.ndarray[Any, np.dtype[np.uint8]]
Block = tuple[Box, ClassArray] | tuple[Box, ClassArray, ClassArray]
"""A box, its classes uint8 (z, y, x), and where asked for its probabilities uint8 (K, z, y, x), 255 = certain."""
Blocks = Iterable[Block]


@dataclass(frozen=True, slots=True)
class ClassMapTarget:
    """The grid, the classes and the origin of a class map that is to be written.

    Parameters
    ----------
    shape_zyx : voxels along z, y, x; the grid of the volume that was classified
    voxel_size_nm : (z, y, x) in nm
    n_classes : K; the ids are 1 to K, 0 is not classified
    names : name by id
    colors : ``#rrggbb`` by id
    provenance : how the map came about; anything that JSON can hold
    name : of the map, for viewers
    probabilities : whether the blocks carry probabilities, which are then written too
    corner_zyx : where voxel (0, 0, 0) of the map lies in the volume, of a part of which it is

    Raises
    ------
    InputError
        If a number is out of range, a colour has another form, or a name or colour belongs to no class.
    """

    shape_zyx: tuple[int, int, int]
    voxel_size_nm: tuple[float, float, float]
    n_classes: int
    names: dict[int, str] = field(default_factory=dict)
    colors: dict[int, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    name: str = "classes"
    probabilities: bool = False
    corner_zyx: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        """Check at the door, once."""
        if not 1 <= self.n_classes <= 254:
            raise InputError(f"{self.n_classes} classes can't be written as uint8; choose 1 to 254")
        if min(self.shape_zyx) < 1 or min(self.voxel_size_nm) <= 0:
            raise InputError(f"shape {self.shape_zyx} and voxel size {self.voxel_size_nm} must be positive")
        strange = [i for i in {*self.names, *self.colors} if not 0 <= i <= self.n_classes]
        if strange:
            raise InputError(f"names or colours for {strange}, but the classes are 1 to {self.n_classes}")
        wrong = [color for color in self.colors.values() if not re.fullmatch(r"#[0-9a-fA-F]{6}", color)]
        if wrong:
            raise InputError(f"colour {wrong[0]!r} is not of the form #rrggbb")

    def rgb(self, class_id: int) -> tuple[int, int, int] | None:
        """Return the colour of a class as three numbers from 0 to 255, or None if it has none."""
        color = self.colors.get(class_id)
        return None if color is None else (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))


def checked(block: Block, target: ClassMapTarget) -> tuple[Box, ClassArray, ClassArray | None]:
    """Return box, classes and probabilities of a block that fits the target.

    Raises
    ------
    ValueError
        If it doesn't fit: a defect of the program that made it.
    """
    box, classes = block[0], block[1]
    probs = block[2] if len(block) == 3 else None
    if classes.shape != box.shape or classes.dtype != np.uint8:
        raise ValueError(f"block {box} came with classes {classes.dtype} {classes.shape}, expected uint8 {box.shape}")
    if box.clipped(target.shape_zyx) != box:
        raise ValueError(f"block {box} lies outside the grid {target.shape_zyx}")
    if classes.size and classes.max() > target.n_classes:
        raise ValueError(f"block {box} holds class {classes.max()}, the classes are 1 to {target.n_classes}")
    if not target.probabilities:
        return box, classes, None
    if probs is None or probs.shape != (target.n_classes, *box.shape) or probs.dtype != np.uint8:
        found = "none" if probs is None else f"{probs.dtype} {probs.shape}"
        raise ValueError(f"block {box}: expected probabilities uint8 {(target.n_classes, *box.shape)}, got {found}")
    return box, classes, probs
