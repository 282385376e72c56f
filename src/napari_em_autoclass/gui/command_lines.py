"""The commands that repeat a run without napari: learn with the same settings, and classify the stack."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Volume, fingerprint

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["Commands", "Writing", "command_lines", "train_words"]

_STACK = "STACK"
_NO_FILE = (
    "The commands are in the clipboard, but this stack is a layer without a file: save it (File, Save Selected Layers) "
    f"as .tif, and write its path in place of {_STACK}."
)
# They have an option of their own.
_NAMED = frozenset(
    {"schema_version", "recipe", "n_classes", "seed", "device", "region", "skip_sections", "start"}
    | {f"training.{name}" for name in ("seconds", "steps", "threads")}
)


@dataclass(frozen=True, slots=True)
class Writing:
    """How the map is written, as in the dock."""

    merged: bool = False
    probabilities: bool = False
    suffix: str = ".ome.zarr"


@dataclass(frozen=True, slots=True)
class Commands:
    """What goes to the clipboard, and the sentence that says so.

    `train` learns anew, into `again`; `predict` classifies with what that learned, `predict_now` with this run.
    """

    train: str
    predict: str
    predict_now: str
    sentence: str


def command_lines(run_dir: Path, volume: Volume, writing: Writing) -> Commands:
    """Return the commands that repeat the run in `run_dir` on its stack.

    Raises
    ------
    InputError
        If the run is damaged, or its folder can't be written (settings that no option expresses go into a file there).
    """
    from napari_em_autoclass.core.checkpoint import RunFolder

    source = _source(volume)
    stack, again = source or _STACK, f"{run_dir.name}-again"
    size = ("--voxel-size", *map(_number, volume.voxel_size_nm))
    settings = RunFolder.open(run_dir).settings
    train = ("em-autoclass", "train", stack, "--out", again, *train_words(settings, run_dir), *size)
    sentence = "The commands are in the clipboard: learn again, then classify." if source else _NO_FILE
    predict, predict_now = (_predict(run, stack, size, writing) for run in (again, str(run_dir)))
    return Commands(_line(train), predict, predict_now, sentence)


def train_words(settings: RunSettings, run_dir: Path) -> tuple[str, ...]:
    """Return the options of ``em-autoclass train`` that give exactly `settings`.

    What they can't say (a recipe of one's own, terms in another order) is written to a recipe file in `run_dir`.

    Raises
    ------
    InputError
        If that file can't be written.
    """
    from napari_em_autoclass.core.run_settings import apply_setting, load_recipe

    own = _own_words(settings)
    try:
        base = load_recipe(settings.recipe)
        changes = tuple(_changes(_plain(base), _plain(settings)))
        said = base
        for change in changes:
            said = apply_setting(said, change)
        if _plain(said) == _plain(settings):
            words = (word for change in changes for word in ("--set", change))
            return ("--recipe", settings.recipe, *own, *words)
    except InputError:  # no such recipe here
        pass
    return ("--recipe", str(_recipe_file(settings, run_dir)), *own)


def _own_words(settings: RunSettings) -> tuple[str, ...]:
    from napari_em_autoclass.core.damage import sections_text

    training = settings.training
    steps, seconds = training.steps, training.seconds
    budget = ("--steps", str(steps)) if seconds is None else ("--seconds", _number(seconds))
    threads = ("--threads", str(training.threads)) if training.threads is not None else ()
    region = ("--region", settings.region) if settings.region is not None else ()
    # Said even where it is none: without it, damaged sections would be looked for.
    skipped = sections_text(settings.skip_sections).replace(" ", "") or "none"
    device = ("--device", settings.device, *threads)
    start = ("--start", settings.start.source) if settings.start is not None else ()
    return (
        *("--classes", str(settings.n_classes), *budget, "--seed", str(settings.seed), *device),
        *(*region, "--skip-sections", skipped, *start),
    )


def _plain(settings: RunSettings) -> dict[str, Any]:
    """Return what has no option of its own, terms by kind, in their order."""
    tree = settings.model_dump(mode="json")
    tree["training"] = {name: value for name, value in tree["training"].items() if f"training.{name}" not in _NAMED}
    tree["terms"] = {term.pop("kind"): term for term in tree["terms"]}
    tree["order"] = list(tree["terms"])
    return {name: value for name, value in tree.items() if name not in _NAMED}


def _changes(base: dict[str, Any], wanted: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield ``path=value`` for each difference; a term that `base` has not is added by its first setting."""
    for name, value in wanted.items():
        path, before = f"{above}{name}", base.get(name)
        if path == "order":
            continue
        if isinstance(value, dict):
            yield from _changes(before or {}, value, f"{path}.")
        elif name not in base or before != value:
            yield f"{path}={_value(value)}"


def _value(value: Any) -> str:
    """Return a value as ``--set`` reads it: as JSON, or as text where that can't be taken for JSON."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except json.JSONDecodeError:
        return value if value == value.strip() else json.dumps(value)
    return json.dumps(value)


def _recipe_file(settings: RunSettings, run_dir: Path) -> Path:
    from napari_em_autoclass.core.checkpoint import write_atomically

    path = run_dir / f"{Path(settings.recipe).name or 'recipe'}.json"
    try:
        write_atomically(path, json.dumps(settings.model_dump(mode="json"), indent=1).encode())
    except OSError as error:
        raise InputError(f"can't write {path} ({error.strerror or error}), which the command would need") from error
    return path


def _predict(run: str, stack: str, size: tuple[str, ...], writing: Writing) -> str:
    options = (("--merged", writing.merged), ("--probabilities", writing.probabilities))
    flags = (name for name, is_on in options if is_on)
    return _line(("em-autoclass", "predict", run, stack, "--out", f"classes{writing.suffix}", *flags, *size))


def _source(volume: Volume) -> str | None:
    """Return what opens exactly this stack again, from any folder; None if nothing does."""
    from napari_em_autoclass.io import open_volume

    try:
        if fingerprint(open_volume(volume.source, voxel_size_nm=volume.voxel_size_nm)) != fingerprint(volume):
            return None
    except InputError:
        return None
    at = Path(volume.source).expanduser()
    return str(at.absolute()) if at.exists() else volume.source


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _line(words: tuple[str, ...]) -> str:
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
