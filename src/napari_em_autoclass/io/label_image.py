"""A run that starts from somebody's label image: opened, looked at, and put into the settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.core.group import default_name
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.class_map_file import read_class_map

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["start_from_labels"]


def start_from_labels(path: str | os.PathLike[str], volume: Volume, settings: RunSettings) -> RunSettings:
    """Return `settings` of a run whose first classes are those of a label image.

    Class 1 starts as the smallest value in the image but 0 (unknown), class 2 as the next; the rest of the classes are
    found in what these explain worst.  Names come along where the image has some, as a class map of ours does.

    Parameters
    ----------
    path : a label image of any format that `read_class_map` takes, of the shape of `volume`
    volume : what the run learns from, or the first of several
    settings : of the run

    Raises
    ------
    InputError
        If the image can't be read, has another shape or no integers, no labels, negative ones, or more than classes; or
        if the recipe would forget them.
    """
    from napari_em_autoclass.core.label_responses import label_start  # noqa: PLC0415  brings torch along

    text = os.fspath(path)
    data, info = read_class_map(text)
    labels = Volume(data, volume.voxel_size_nm, Path(text).name, text)
    names = {value: name for value, name in info.names.items() if name != default_name(value)}
    return settings.replace(start=label_start(volume, labels, settings, names))
