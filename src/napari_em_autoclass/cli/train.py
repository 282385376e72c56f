"""``em-autoclass train``: learn classes from a stack, and leave a run folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_em_autoclass.cli.elsewhere import (
    KeepGoingOption,
    OwnProcessOption,
    SchedulerOption,
    followed,
    leading,
    open_there,
    place_of,
)
from napari_em_autoclass.cli.exits import CRASH_LOG, Interrupted, traceback_kept_in
from napari_em_autoclass.cli.options import (
    AxesOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LevelOption,
    RoiOption,
    StackRequest,
    ThreadsOption,
    VolumesArgument,
    VoxelSizeOption,
)
from napari_em_autoclass.cli.several import open_further, refuse_several
from napari_em_autoclass.cli.signals import calling_on_signals
from napari_em_autoclass.cli.wishes import Wishes
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_files import is_blank
from napari_em_autoclass.core.run_lock import writer_of

if TYPE_CHECKING:
    from napari_em_autoclass.core.elsewhere import RemoteTrainer
    from napari_em_autoclass.core.events import RunEnded
    from napari_em_autoclass.core.further_volumes import Further
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Wishes", "train", "train_into"]


def train(
    volumes: VolumesArgument,
    *,
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the new run, or with --resume of the old one.")],
    classes: Annotated[int | None, typer.Option(help="How many classes to tell apart.", show_default="20")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Which method, see `em-autoclass recipes`; or a .json file.", show_default="neighbour-forecast"
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Time to train.", show_default="240")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to train, instead of a time.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same run.", show_default="0")] = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with RUN, with its own settings.")] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Any other setting, e.g. terms.balance.weight=0.5."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="z0:z1,y0:y1,x0:x1", help="Learn from this box alone, in voxels; all of the stack is classified."
        ),
    ] = None,
    skip_sections: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Damaged sections to learn nothing from, e.g. 3,7-9; or none.", show_default="found"
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="LABELS", help="Label image of the stack, 0 = unknown: its labels are the first classes."),
    ] = None,
    voxel_size: VoxelSizeOption = None,
    roi: RoiOption = None,
    dataset: DatasetOption = None,
    level: LevelOption = None,
    axes: AxesOption = None,
    scheduler: SchedulerOption = None,
    own_process: OwnProcessOption = False,
    keep_going: KeepGoingOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn classes from a stack, or from several of the same tissue.

    The run folder is complete at any time: Ctrl-C keeps what was learned, and --resume goes on from there.

    $ em-autoclass train stack.ome.tif --out my-run

    $ em-autoclass train stack.h5 --dataset raw --voxel-size 50 4 4 --out my-run --classes 12 --seconds 600

    $ em-autoclass train stack.ome.tif --out my-run --resume --seconds 1200

    $ em-autoclass train first.ome.zarr second.h5:/raw s3://bucket/third.zarr --out my-run

    Several GPUs, or nodes, learn together: torchrun --nproc-per-node 2 -m napari_em_autoclass train ...
    """
    place = place_of(scheduler, own_process, keep_going)
    refuse_several(volumes, is_here=place.kind == "here")
    wishes = Wishes(
        recipe, classes, steps, seconds, seed, device, threads, tuple(assignments or ()), region, skip_sections, start
    )
    fit = wishes.level_fit(out, resume=resume)
    request = StackRequest(volumes[0], voxel_size, dataset, level, axes, roi, fit)
    if followed(request):
        return
    settings = _resumed_settings(out, wishes) if resume else _new_settings(out, wishes)
    stack, also = request.open(), open_further(volumes[1:], request, skip_sections, resume=resume)
    if not resume:
        settings = _started(_without_damage(settings, stack, skip_sections), stack, start)
    if place.kind == "here":
        with leading(settings):
            ended = train_into(out, stack, settings, resume=resume, as_json=as_json, also=also)
    else:
        with _no_folder_without_a_run(out), traceback_kept_in(out):
            ended = _follow(open_there(place, request, stack, (settings, out, resume)), out, as_json)
    if not as_json:
        typer.echo(f"the run is in {out}; next: em-autoclass predict {out} {volumes[0]} --out classes.ome.zarr")
    if ended is not None and ended.reason in ("collapsed", "diverged"):
        raise typer.Exit(1)


def train_into(
    run: Path,
    stack: Volume,
    settings: RunSettings,
    *,
    resume: bool = False,
    as_json: bool = False,
    also: Sequence[Further] = (),
) -> RunEnded | None:
    """Train to the end, showing progress, and return the last event.

    Raises
    ------
    InputError
        If the stack can't be learned from.
    Interrupted
        If the user asked to end; what was learned is in `run`.
    """
    with _no_folder_without_a_run(run), traceback_kept_in(run):
        from napari_em_autoclass.core.trainer import Trainer

        trainer = Trainer(stack, settings, run_dir=run, resume=resume, also=also)
        if trainer.folder is not None and trainer.folder.settings != settings:
            trainer.folder.save_settings(settings)  # a larger budget holds for the next --resume too
        return _follow(trainer, run, as_json)


def _new_settings(out: Path, wishes: Wishes) -> RunSettings:
    settings = wishes.settings()
    if out.exists() and not is_blank(out):
        raise InputError(f"{out}: exists already; choose another --out, or go on with that run by --resume")
    return settings


def _without_damage(settings: RunSettings, stack: Volume, wish: str | None) -> RunSettings:
    """Return `settings` that skip the sections wished for; without a wish those that look damaged, and say so."""
    from napari_em_autoclass.core.damage import find_damage, sections_from

    if wish is not None:
        text = "" if wish.strip().lower() == "none" else wish
        return settings.replace(skip_sections=sections_from(text, stack.shape_zyx[0]))
    if settings.skip_sections:  # by --set, or in a recipe of the user's own
        return settings
    found = find_damage(stack)
    if not found.sections:
        return settings
    typer.echo(f"{found.sentence} Nothing is learned from there; --skip-sections none learns from all.", err=True)
    return settings.replace(skip_sections=found.sections)


def _started(settings: RunSettings, stack: Volume, labels: str | None) -> RunSettings:
    """Return `settings` that start from a label image, if there is one, and say what becomes of its labels."""
    from napari_em_autoclass.io.label_image import start_from_labels

    if labels is None:
        return settings
    settings = start_from_labels(labels, stack, settings)
    assert settings.start is not None
    values = ", ".join(map(str, settings.start.labels))
    typer.echo(f"classes 1 to {len(settings.start.labels)} start as labels {values} of {labels}", err=True)
    return settings


def _resumed_settings(out: Path, wishes: Wishes) -> RunSettings:
    from napari_em_autoclass.core.checkpoint import RunFolder

    return wishes.continued(RunFolder.open(out).settings)


def _follow(trainer: Trainer | RemoteTrainer, run: Path, as_json: bool) -> RunEnded | None:
    from napari_em_autoclass.cli.progress import showing_events
    from napari_em_autoclass.core.events import RunEnded

    ended: RunEnded | None = None
    ask_to_end: Callable[[], None] = getattr(trainer, "leave", trainer.stop)
    try:
        with showing_events(as_json) as show, calling_on_signals(ask_to_end), closing(trainer.events()) as events:
            for event in events:
                show(event)
                ended = event if isinstance(event, RunEnded) else ended
    except KeyboardInterrupt:
        raise Interrupted(_after_interrupt(run)) from None
    if ended is None:
        raise Interrupted("left the training, which goes on there; follow it again by em-autoclass attach ADDRESS")
    if ended.reason == "stopped":
        raise Interrupted(_after_interrupt(run))
    return ended


def _after_interrupt(run: Path) -> str:
    if not _holds_a_run(run):
        return "interrupted before anything was learned; no run was kept"
    return f"interrupted; what was learned is in {run}, go on by em-autoclass train VOLUME --out {run} --resume"


@contextmanager
def _no_folder_without_a_run(run: Path) -> Iterator[None]:
    """Remove the folders made for a run that never came to hold one."""
    missing = _missing_folders(run)
    try:
        yield
    finally:
        other = writer_of(run)  # somebody who began there at the same moment
        is_anothers = other is not None and not other.is_this_process
        worth_keeping = _holds_a_run(run) or (run / CRASH_LOG).exists() or is_anothers
        if missing and run.is_dir() and not worth_keeping:
            shutil.rmtree(run, ignore_errors=True)
        for folder in missing[1:]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _missing_folders(run: Path) -> Sequence[Path]:
    """Return `run` and its parents as far as they don't exist, the innermost first."""
    return [folder for folder in (run, *run.parents) if not folder.exists()]


def _holds_a_run(run: Path) -> bool:
    return (run / "run.json").is_file() and (run / "weights.safetensors").is_file()
