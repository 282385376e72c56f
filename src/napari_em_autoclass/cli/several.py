"""The volumes that ``train`` is given beside the first, and the level of each that is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_em_autoclass.cli.options import StackRequest, level_fit
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.further_volumes import Further
    from napari_em_autoclass.io.request import LevelFit

__all__ = ["fit_for_training", "open_further", "refuse_several"]


def fit_for_training(run: Path, working_pixel_nm: float, *, resume: bool, counts_voxels: bool) -> LevelFit | None:
    """Return what the level of a volume is wanted for.

    Parameters
    ----------
    run : the run's folder
    working_pixel_nm : of a new run
    resume : whether `run` goes on
    counts_voxels : whether the user named voxels or sections of the volume: these are those of level 0

    Raises
    ------
    InputError
        If there is no run to resume.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.io.request import LevelFit

    if resume:
        return level_fit(RunFolder.open(run))
    return None if counts_voxels else LevelFit(working_pixel_nm)


def open_further(paths: Sequence[str], like: StackRequest, skip_sections: str | None, *, resume: bool) -> list[Further]:
    """Return further volumes, opened as the first was asked for, without the sections of them that look damaged.

    Raises
    ------
    InputError
        If one can't be read, or sections to skip are named: those are of one volume.
    """
    from napari_em_autoclass.core.damage import find_damage
    from napari_em_autoclass.core.further_volumes import Further

    wish = "" if skip_sections is None else skip_sections.strip().lower()
    if paths and wish not in ("", "none"):
        raise InputError("--skip-sections names sections of one volume; with several give none, or leave it out")
    opened = []
    for path in paths:
        volume = replace(like, path=path).open()
        if resume or wish == "none":
            opened.append(Further(volume))
            continue
        found = find_damage(volume)
        if found.sections:
            typer.echo(f"{volume.name}: {found.sentence} Nothing is learned from there.", err=True)
        opened.append(Further(volume, found.sections))
    return opened


def refuse_several(paths: Sequence[str], *, is_here: bool) -> None:
    """Check that several volumes are trained on by this process alone.

    Raises
    ------
    InputError
        If they are to be trained on elsewhere, or by several processes.
    """
    import os

    if len(paths) > 1 and (not is_here or int(os.environ.get("WORLD_SIZE", "1")) > 1):
        raise InputError("several volumes are learned from by one process, here; leave out --scheduler and torchrun")
