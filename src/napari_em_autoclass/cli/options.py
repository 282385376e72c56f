"""Arguments and options that several commands share, and the door through which they open a stack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.request import LevelFit

__all__ = [
    "AxesOption",
    "DatasetOption",
    "DeviceOption",
    "JsonOption",
    "LevelOption",
    "RoiOption",
    "RunArgument",
    "StackRequest",
    "ThreadsOption",
    "VolumeArgument",
    "VolumesArgument",
    "VoxelSizeOption",
    "level_fit",
    "open_grey_values",
    "parse_ids",
]

_FORMATS = (
    "TIFF, OME-TIFF, folder of sections, Zarr, OME-Zarr, Neuroglancer precomputed, N5, HDF5, MRC or NumPy; or the "
    "address of Zarr, precomputed or N5"
)
VolumeArgument = Annotated[str, typer.Argument(metavar="VOLUME", help=f"The EM stack: {_FORMATS}.")]
VolumesArgument = Annotated[
    list[str], typer.Argument(metavar="VOLUME...", help=f"The EM stack, or several of the same tissue: {_FORMATS}.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The run folder that `train` wrote.")]

_STACK = "Reading the stack"
VoxelSizeOption = Annotated[
    tuple[float, float, float] | None,
    typer.Option(
        "--voxel-size", metavar="Z Y X", help="Voxel size in nm; stands above the file's.", rich_help_panel=_STACK
    ),
]
DatasetOption = Annotated[
    str | None, typer.Option(help="Which array inside HDF5 or Zarr.", metavar="PATH", rich_help_panel=_STACK)
]
LevelOption = Annotated[
    int | None,
    typer.Option(
        help="Which level of a pyramid; 0 is the finest.", show_default="see docs", min=0, rich_help_panel=_STACK
    ),
]
AxesOption = Annotated[
    str | None,
    typer.Option(help="What each axis is, e.g. ZYX or C[0]ZYX.", metavar="LETTERS", rich_help_panel=_STACK),
]
RoiOption = Annotated[
    str | None,
    typer.Option(
        "--roi", metavar="z0:z1,y0:y1,x0:x1", help="Only this region, in voxels, half-open.", rich_help_panel=_STACK
    ),
]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")]
ThreadsOption = Annotated[int | None, typer.Option(help="Processor threads to use.", min=1, show_default="all")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of text for people.")]


@dataclass(frozen=True, slots=True)
class StackRequest:
    """Which stack to open, and how to understand it; None leaves it to the file.

    Without a level that one of a pyramid is read which fits `fit`; with a region level 0, whose voxels it counts.
    """

    path: str
    voxel_size_nm: tuple[float, float, float] | None = None
    dataset: str | None = None
    level: int | None = None
    axes: str | None = None
    roi: str | None = None
    fit: LevelFit | None = None

    def open(self) -> Volume:
        """Return the lazy stack, cut to the region.

        Raises
        ------
        InputError
            If it can't be read as asked, or its voxel size is not known.
        """
        from napari_em_autoclass.core.volume import Box
        from napari_em_autoclass.io.readers import open_volume

        fit = self.fit if self.roi is None and self.level is None else None
        wanted = partial(open_volume, self.path, dataset=self.dataset, axes=self.axes, voxel_size_nm=self.voxel_size_nm)
        volume = wanted(level=self.level, fit=fit)
        if fit is not None and volume.source.rstrip("/") != self.path.rstrip("/"):
            _say_level(volume, wanted(level=0))
        return volume.crop(Box.parse(self.roi, volume.shape_zyx)) if self.roi else volume


def level_fit(folder: RunFolder) -> LevelFit:
    """Return what a level is wanted for by somebody who uses a run: best the one that it was trained on."""
    from napari_em_autoclass.io.request import LevelFit

    sizes = (folder.volume.voxel_size_nm, *(record.volume.voxel_size_nm for record in folder.more))
    return LevelFit(folder.settings.working_pixel_nm, sizes)


def _say_level(volume: Volume, finest: Volume) -> None:
    if volume.shape_zyx != finest.shape_zyx:
        z, y, x = volume.voxel_size_nm
        text = (
            f"{volume.name}: reads the level of {z:g} x {y:g} x {x:g} nm, which is fine enough, and works on its grid"
        )
        typer.echo(f"{text}; --level 0 reads the finest", err=True)


def open_grey_values(path: str) -> Volume:
    """Open a stack for its grey values alone: a voxel size that isn't known is taken as 1.

    Raises
    ------
    InputError
        If it can't be read.
    """
    try:
        return StackRequest(path).open()
    except MissingVoxelSize:
        return StackRequest(path, (1.0, 1.0, 1.0)).open()


def parse_ids(text: str) -> tuple[int, ...]:
    """Return the ids of classes written as "3,7".

    Raises
    ------
    InputError
        If it is anything else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{text!r} are not ids of classes; write e.g. 3,7") from None
