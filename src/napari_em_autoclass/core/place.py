"""Where to train, as the user says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["HERE", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to train: in this process, in one of its own on this computer, or on a Dask cluster at `address`.

    `keeps_going` lets a training on a cluster go on when nobody listens any more; `follows` is the id of one that runs
    there already, in place of a new one.
    """

    kind: Literal["here", "own process", "cluster"] = "here"
    address: str = ""
    keeps_going: bool = False
    follows: str = ""


HERE = Place()
"""In this process, which starts fastest."""
