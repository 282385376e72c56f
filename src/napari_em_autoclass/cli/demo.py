"""``em-autoclass demo``: the main job from end to end, in napari or, without a display, into files."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.options import (
    AxesOption,
    DatasetOption,
    LevelOption,
    RoiOption,
    StackRequest,
    VoxelSizeOption,
)
from napari_em_autoclass.cli.phantom import write_phantom
from napari_em_autoclass.cli.predict import Writing, write_classes
from napari_em_autoclass.cli.score import scores_with_labels
from napari_em_autoclass.cli.train import Wishes, train_into
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.volume import ArrayLike, Volume

__all__ = ["demo"]

# Long enough on two cores of a laptop that the structures of the phantom are told apart.
_DEMO_SECONDS = 90.0
# Says that a folder is ours to clear: the demo is run again and again, and must not remove anybody's files.
_MARK = ".em-autoclass-demo"
_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def demo(
    volume: Annotated[
        str | None, typer.Argument(metavar="[VOLUME]", help="Your stack.", show_default="a made-up one")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder of the results; those of an earlier demo are replaced.")] = Path(
        "demo-out"
    ),
    seconds: Annotated[float, typer.Option(help="Time to train.", min=1)] = _DEMO_SECONDS,
    classes: Annotated[int | None, typer.Option(help="How many classes to tell apart.", show_default="20")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Write files, also where there is a display.")] = False,
    voxel_size: VoxelSizeOption = None,
    roi: RoiOption = None,
    dataset: DatasetOption = None,
    level: LevelOption = None,
    axes: AxesOption = None,
) -> None:
    """Show the whole way: a stack, its classes forming, the result.

    With a display, napari opens with training under way. Without one the same job leaves its results in files.

    $ em-autoclass demo

    $ em-autoclass demo my-stack.ome.tif --headless --seconds 240
    """
    reason = "--headless was given" if headless else _why_no_window()
    wishes = Wishes(classes=classes, seconds=seconds)
    settings = wishes.settings()
    stack = None if volume is None else StackRequest(volume, voxel_size, dataset, level, axes, roi).open()
    _clear(out)
    labels = None
    if stack is None:
        stack, labels = _made_up_stack(out)
    if reason is None:
        from napari_em_autoclass.gui.demo import run_demo

        run_demo(stack, out, seconds=seconds, n_classes=settings.n_classes)
        return
    typer.echo(f"working without a window, since {reason}")
    train_into(out / "run", stack, settings)
    _write_results(out, stack, labels)


def _write_results(out: Path, stack: Volume, labels: Path | None) -> None:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.io.class_map_file import read_class_map
    from napari_em_autoclass.io.picture import save_picture

    folder = RunFolder.open(out / "run")
    classes = out / "classes.ome.zarr"
    write_classes(folder, stack, classes, Writing())
    found, _ = read_class_map(classes)
    class_map, note = folder.history.present, ""
    if labels is not None:
        class_map, note = _named_by_truth(class_map, found, labels), "classes named by what they mostly lie in"
    picture = save_picture(out / "picture.png", stack, found, class_map, note)
    if labels is not None:
        figures = scores_with_labels(found, str(labels))
        typer.echo(f"merged_miou {figures['merged_miou']:.3f} against the truth (1 is perfect)")
    typer.echo(f"class map   {classes}")
    typer.echo(f"picture     {picture}")
    typer.echo(f"run folder  {out / 'run'}")


def _named_by_truth(class_map: ClassMap, classes: ArrayLike, labels: Path) -> ClassMap:
    """Name each class by the structure that most of its voxels belong to, for the eyes of who looks at the picture."""
    from napari_em_autoclass.core.scores.labelled import count_with_labels
    from napari_em_autoclass.io.class_map_file import read_class_map

    truth, told = read_class_map(labels)
    counts = count_with_labels(classes, truth)
    table = counts.fitted + counts.tested  # (K + 1, G + 1)
    for class_id in range(1, min(class_map.n_classes + 1, len(table))):
        structure = told.names.get(int(table[class_id].argmax()))
        if structure is not None and table[class_id].any():
            class_map = class_map.rename(class_id, f"{class_id}: {structure}")
    return class_map


def _made_up_stack(out: Path) -> tuple[Volume, Path]:
    from napari_em_autoclass.core.phantom import make_phantom

    typer.echo("making up a stack of neuropil")
    path, labels = out / "phantom.ome.tif", out / "phantom_labels.ome.tif"
    write_phantom(make_phantom(), path, labels, overwrite=True)
    return StackRequest(str(path)).open(), labels


def _clear(out: Path) -> None:
    """Make `out` an empty folder, if what is there is an earlier demo's.

    Raises
    ------
    InputError
        If it holds something else.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; choose another --out")
    if out.is_dir() and any(out.iterdir()):
        if not (out / _MARK).exists():
            raise InputError(f"{out}: holds files that are no demo's; choose another --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).touch()


def _why_no_window() -> str | None:
    """Return why napari can't open, or None if it can."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "this machine has no display"
    if not any(find_spec(binding) for binding in _BINDINGS):
        return "no Qt is installed (pip install 'napari[all]' brings one)"
    return None
