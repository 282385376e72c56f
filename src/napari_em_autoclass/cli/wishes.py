"""What the user wishes of a run on the command line, as settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.cli.several import fit_for_training
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.io.request import LevelFit

__all__ = ["Wishes"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user set on the command line; None where nothing was said."""

    recipe: str | None = None
    classes: int | None = None
    steps: int | None = None
    seconds: float | None = None
    seed: int | None = None
    device: str | None = None
    threads: int | None = None
    assignments: tuple[str, ...] = ()
    region: str | None = None
    skip_sections: str | None = None
    start: str | None = None

    def settings(self) -> RunSettings:
        """Return the settings of a new run.

        Raises
        ------
        InputError
            If there is no such recipe or setting, or a value is out of bounds.
        """
        from napari_em_autoclass.core.run_settings import apply_setting, load_recipe, recipe_names

        settings = load_recipe(self.recipe if self.recipe is not None else recipe_names()[0])
        for assignment in (*self._named(), *self.assignments):
            settings = apply_setting(settings, assignment)
        return settings

    def continued(self, settings: RunSettings) -> RunSettings:
        """Return the settings of a run that goes on: its own, with a larger budget if one is given.

        Raises
        ------
        InputError
            If anything else is to change.
        """
        from napari_em_autoclass.core.run_settings import apply_setting

        fixed = {
            "--recipe": self.recipe,
            "--classes": self.classes,
            "--seed": self.seed,
            "--set": self.assignments or None,
            "--region": self.region,
            "--skip-sections": self.skip_sections,
            "--start": self.start,
        }
        if changed := [option for option, value in fixed.items() if value is not None]:
            raise InputError(f"a resumed run keeps its settings; leave out {', '.join(changed)}, or train a new run")
        for assignment in self._named():
            settings = apply_setting(settings, assignment)
        return settings

    def level_fit(self, out: Path, *, resume: bool) -> LevelFit | None:
        """Return what the level of a pyramid is wanted for; errors as of `settings`, and where no run is to resume."""
        counts_voxels = bool(self.region or (self.skip_sections or "none").strip().lower() != "none")
        pixel_nm = 0.0 if resume else self.settings().working_pixel_nm
        return fit_for_training(out, pixel_nm, resume=resume, counts_voxels=counts_voxels)

    def _named(self) -> Iterator[str]:
        if self.steps is not None and self.seconds is not None:
            raise InputError("give either --steps or --seconds, not both")
        paths = {
            "n_classes": self.classes,
            "seed": self.seed,
            "device": self.device,
            "region": self.region,
            "training.threads": self.threads,
            "training.steps": self.steps,
            "training.seconds": self.seconds,
        }
        yield from (f"{path}={value}" for path, value in paths.items() if value is not None)
