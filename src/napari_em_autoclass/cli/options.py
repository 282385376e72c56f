"""Arguments and options that several commands share, and the door through which they open a stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import Volume

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
    "VoxelSizeOption",
    "open_grey_values",
    "parse_ids",
]

VolumeArgument = Annotated[
    str,
    typer.Argument(
        metavar="VOLUME", help="The EM stack: TIFF, OME-TIFF, folder of sections, Zarr, OME-Zarr, HDF5, MRC or NumPy."
    ),
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
    int | None, typer.Option(help="Which level of a pyramid; 0 is the finest.", min=0, rich_help_panel=_STACK)
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
    """Which stack to open, and how to understand it; None leaves it to the file."""

    path: str
    voxel_size_nm: tuple[float, float, float] | None = None
    dataset: str | None = None
    level: int | None = None
    axes: str | None = None
    roi: str | None = None

    def open(self) -> Volume:
        """Return the lazy stack, cut to the region.

        Raises
        ------
        InputError
            If it can't be read as asked, or its voxel size is not known.
        """
        from napari_em_autoclass.core.volume import Box
        from napari_em_autoclass.io.readers import open_volume

        volume = open_volume(
            self.path, dataset=self.dataset, level=self.level, axes=self.axes, voxel_size_nm=self.voxel_size_nm
        )
        return volume.crop(Box.parse(self.roi, volume.shape_zyx)) if self.roi else volume


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
