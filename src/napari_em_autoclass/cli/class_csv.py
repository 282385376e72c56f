"""``em-autoclass classes --csv``: the classes of a run as a table, with shares, volumes, certainty and neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.cli.suggest import stack_of
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_statistics import ClassStatistics

__all__ = ["write_csv"]


def write_csv(folder: RunFolder, out: Path, class_map: Path | None, volume: str | None) -> str:
    """Write the table and return, in one sentence, where it is and what its figures are from.

    Parameters
    ----------
    folder : the run
    out : the table; what is there is replaced
    class_map : of the run, to count every voxel of it; None looks at some places of the stack
    volume : the stack to look at; None takes the one the run learned from

    Raises
    ------
    InputError
        If the map or the stack can't be read, is of other classes, or the table not be written.
    """
    from napari_em_autoclass.io.class_table import class_columns, figures_of, write_class_table
    from napari_em_autoclass.io.output import check_output

    check_output(out, overwrite=True)  # now, and not after a while
    present = folder.history.present
    counted = _estimated(folder, volume) if class_map is None else _counted(folder, class_map)
    write_class_table(out, class_columns(present, figures_of(counted, present)), overwrite=True)
    how = "estimated from some places of the stack" if class_map is None else "counted, every voxel"
    return f"the table is in {out}; its figures are {how}"


def _estimated(folder: RunFolder, volume: str | None) -> ClassStatistics:
    from napari_em_autoclass.core.class_survey import survey

    splits = tuple(split.bare() for split in folder.history.present.splits)
    return survey(folder.model(), stack_of(folder, volume), splits).statistics


def _counted(folder: RunFolder, at: Path) -> ClassStatistics:
    from napari_em_autoclass.core.class_statistics import statistics_of_map
    from napari_em_autoclass.io import read_class_map

    classes, info = read_class_map(at)
    present, size = folder.history.present, info.voxel_size_nm
    if info.provenance.get("merged"):
        raise InputError(f"{at}: was written with --merged, which hides the single classes; predict without it")
    if info.n_classes is not None and info.n_classes != present.ids[-1]:
        raise InputError(
            f"{at}: holds the ids 1 to {info.n_classes}, the run has 1 to {present.ids[-1]}; predict again"
        )
    return statistics_of_map(classes, present.ids[-1], folder.volume.voxel_size_nm if size is None else size)
