"""``em-autoclass classes --split``: tell one class apart into parts, found on a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_em_autoclass.cli.suggest import stack_of

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_map import ClassMap

__all__ = ["split"]


def split(folder: RunFolder, class_id: int, n_parts: int, volume: str | None) -> ClassMap:
    """Return the classes of a run with one told apart into `n_parts`; all others stay as they are.

    Parameters
    ----------
    folder : the run
    class_id : the class, 1 to K
    n_parts : 2 to 6
    volume : the stack on which to look for the parts; None takes the one the run learned from

    Raises
    ------
    InputError
        If the class can't be split, the stack not be read, or nothing was learned yet.
    """
    from napari_em_autoclass.core.class_splits import checked_to_split, with_split
    from napari_em_autoclass.core.splitting import find_parts

    present = folder.history.present
    checked_to_split(present, class_id)
    return with_split(present, find_parts(folder.model(), stack_of(folder, volume), (class_id, n_parts)))
