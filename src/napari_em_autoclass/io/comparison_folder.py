"""The folder of a comparison: a run folder per recipe, the rows, the tables and the picture.

``runs/RECIPE/``    the run, as ``train`` would have left it
``compare.jsonl``   a row per recipe, in the order in which they came; what is there is not done again
``compare.json``    what was compared, and the rows, best first; ``compare.md`` and ``compare.csv`` are the same table
``compare.png``     one section with the classes of every recipe

Everything is replaced as a whole after each recipe, so that a folder is complete at any time.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from napari_em_autoclass.core.checkpoint import RunFolder, write_atomically
from napari_em_autoclass.core.comparison.comparer import RecipeDone, compared_view
from napari_em_autoclass.core.comparison.rows import RecipeRow, in_order
from napari_em_autoclass.core.errors import InputError, require_schema
from napari_em_autoclass.core.kept_maps import read_snapshot
from napari_em_autoclass.core.limits import json_of, lines_of, parsed_json
from napari_em_autoclass.core.model import fingerprint
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.io.comparison_picture import Panel, draw_comparison
from napari_em_autoclass.io.comparison_table import as_csv, as_markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import ArrayLike, Volume

__all__ = ["ComparisonFolder", "wished_for"]

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ComparisonFolder:
    """Keeps what a comparison finds; see `comparer.Store`.

    Parameters
    ----------
    path : the folder
    about : what is compared; plain values by name
    volume : the stack
    labels : (Z, Y, X) integers, for the picture; None where there are none
    """

    path: Path
    about: Mapping[str, Any]
    volume: Volume
    labels: ArrayLike | None = None

    @classmethod
    def open(cls, path: Path, wishes: Mapping[str, Any], volume: Volume, labels: ArrayLike | None = None) -> Self:
        """Make a new folder, or take up one of the same comparison.

        Parameters
        ----------
        path : the folder
        wishes : what decides on the figures besides the stack (classes, seed, budget, ...), plain values by name
        volume, labels : what is compared on

        Raises
        ------
        InputError
            If the folder holds another comparison or something else, or can't be written.
        """
        shape = list(volume.shape_zyx)
        stack = {"stack": volume.name, "shape_zyx": shape, "voxel_size_nm": list(volume.voxel_size_nm)}
        about = {**stack, "fingerprint": fingerprint(volume), **wishes}
        if (path / "compare.json").exists():
            _require_same(path, json.loads(json.dumps(about)))
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path}: exists already and holds no comparison; choose another folder (--out)")
        folder = cls(path, about, volume, labels)
        try:
            (path / "runs").mkdir(parents=True, exist_ok=True)
            folder._write(folder.rows())
        except OSError as error:
            raise InputError(f"can't write to {path} ({error.strerror or error}); choose another folder") from error
        return folder

    def rows(self) -> tuple[RecipeRow, ...]:
        """Return the rows there are, the newest of each recipe; a line cut short by a crash is left out."""
        lines = lines_of(self.path / "compare.jsonl") if self._has_rows() else ()
        found: dict[str, RecipeRow] = {}
        for line in lines:
            try:
                stored = parsed_json(line, takes_nan=True)
            except ValueError:
                continue
            row = RecipeRow.from_json(stored)
            found[row.recipe] = row
        return tuple(found.values())

    def missing(self, recipes: Iterable[str]) -> tuple[str, ...]:
        """Return those of `recipes` that have no row yet, or failed."""
        done = {row.recipe for row in self.rows() if row.outcome != "failed"}
        return tuple(recipe for recipe in recipes if recipe not in done)

    def run_dir(self, recipe: str) -> Path:
        """Return where the run of a recipe is."""
        return self.path / "runs" / recipe

    def open_run(self, volume: Volume, settings: RunSettings) -> Trainer:
        """Return the trainer of a recipe's run; one that was interrupted goes on, one that failed begins anew."""
        run = self.run_dir(settings.recipe)
        failed = {row.recipe for row in self.rows() if row.outcome == "failed"}
        if settings.recipe not in failed and (run / "weights.safetensors").exists():
            with suppress(InputError):  # damaged: begun anew
                if RunFolder.open(run).settings == settings:
                    return Trainer(volume, settings, run_dir=run, resume=True)
        shutil.rmtree(run, ignore_errors=True)
        return Trainer(volume, settings, run_dir=run)

    def keep(self, done: RecipeDone) -> None:
        """Store a row, the class map that goes with it, and what may help to find an error."""
        run = self.run_dir(done.row.recipe)
        if done.classes is not None:
            RunFolder.open(run).save_snapshot(compared_view(self.volume), done.classes)
        if done.details:
            run.mkdir(exist_ok=True)
            write_atomically(run / "crash.log", done.details.encode())
        self._write((*(row for row in self.rows() if row.recipe != done.row.recipe), done.row))

    def maps(self) -> dict[str, NDArray[np.uint8]]:
        """Return the class map of `compared_view` of each recipe that has one, best first."""
        found = {}
        for row in in_order(self.rows()):
            path = self.run_dir(row.recipe) / "snapshot" / "latest.npz"
            if row.outcome != "failed" and path.is_file():
                with suppress(OSError, ValueError):  # damaged: the row has no picture
                    found[row.recipe] = read_snapshot(self.run_dir(row.recipe))[1]
        return found

    def _has_rows(self) -> bool:
        return (self.path / "compare.jsonl").is_file()

    def _write(self, rows: tuple[RecipeRow, ...]) -> None:
        lines = "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in rows)
        table = {
            "schema_version": _SCHEMA_VERSION,
            "comparison": dict(self.about),
            "rows": [row.to_json() for row in in_order(rows)],
        }
        write_atomically(self.path / "compare.jsonl", lines.encode())
        write_atomically(self.path / "compare.json", json.dumps(table, indent=1, ensure_ascii=False).encode())
        write_atomically(self.path / "compare.md", as_markdown(rows, self.about).encode())
        write_atomically(self.path / "compare.csv", as_csv(rows).encode())
        maps = self.maps()
        if maps:
            write_atomically(self.path / "compare.png", self._picture(rows, maps))

    def _picture(self, rows: tuple[RecipeRow, ...], maps: dict[str, NDArray[np.uint8]]) -> bytes:
        panels = [Panel(row, maps[row.recipe]) for row in in_order(rows) if row.recipe in maps]
        return draw_comparison(panels, self.volume, self.labels)


def wished_for(settings: RunSettings) -> dict[str, Any]:
    """Return what all recipes of a comparison have in common, from the settings of one."""
    training = settings.training
    common = {"classes": settings.n_classes, "seed": settings.seed}
    return {**common, "seconds": training.seconds, "steps": training.steps, "device": settings.device}


def _require_same(path: Path, about: dict[str, Any]) -> None:
    """Check that a folder holds the comparison that is asked for.

    Raises
    ------
    InputError
        If it is another one, or damaged.
    """
    try:
        stored = json_of(path / "compare.json")
    except (OSError, ValueError) as error:
        raise InputError(f"{path / 'compare.json'} is damaged; choose another folder (--out)") from error
    require_schema(stored, _SCHEMA_VERSION, f"{path / 'compare.json'}")
    before = stored.get("comparison")
    for name, value in about.items():
        was = before.get(name) if isinstance(before, dict) else None
        if was != value:
            shown = "the stack is another one" if name == "fingerprint" else f"{name} was {was}, is {value}"
            raise InputError(f"{path} holds another comparison ({shown}); choose another folder (--out)")
