"""What the user asked for, as plain data, and how it becomes the settings and the trainer of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.place import HERE, Place
from napari_em_autoclass.core.recipe import DEFAULT_RECIPE
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.gaze import Seen, View
from napari_em_autoclass.gui.recipe_card import DEFAULT_CLASSES, DEFAULT_SECONDS
from napari_em_autoclass.gui.worker import Run

if TYPE_CHECKING:
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.pictures import Pictures
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["RunOrder", "Wishes", "open_classify", "open_trainer", "settings_of", "with_live_parts", "with_weights"]

# They are set elsewhere, or when the run begins.
_KEPT: Final = ("seconds", "steps", "threads")


@dataclass(frozen=True)
class Wishes:
    """Recipe, number of classes, time (None: as the recipe says) and weights by kind, as set in the dock.

    `advanced` are the settings of the folded form, which stand under the others; None when it was never opened.
    `preset` are assignments to the settings of the recipe, under `advanced`.  `region` is the box to learn from, see
    `RunSettings`; `skip_sections` None means those that will be found damaged.
    """

    recipe: str = DEFAULT_RECIPE
    n_classes: int = DEFAULT_CLASSES
    seconds: float | None = DEFAULT_SECONDS
    weights: Mapping[str, float] = field(default_factory=dict)
    advanced: RunSettings | None = None
    preset: tuple[str, ...] = ()
    region: str | None = None
    skip_sections: tuple[int, ...] | None = None

    def same_run(self, other: Wishes) -> bool:
        """Whether `other` can go on with a run of these: all is alike but the time and what may change meanwhile."""
        free: dict[str, Any] = {"seconds": None, "weights": {}, "advanced": None}
        if None in (self.skip_sections, other.skip_sections):  # what is found in the meantime changes nothing
            free["skip_sections"] = None
        if replace(self, **free) != replace(other, **free):
            return False
        return self.advanced == other.advanced or _fixed_settings(self) == _fixed_settings(other)


@dataclass(frozen=True)
class RunOrder:
    """All that is needed to open a trainer; made on the main thread, used in the worker's."""

    volume: Volume
    wishes: Wishes
    run_dir: Path
    resume: bool = False
    place: Place = HERE


def _fixed_settings(wishes: Wishes) -> tuple[RunSettings, list[str]]:
    """Return what can't change while a run goes on, as far as the form of all settings says it, and the terms."""
    settings = settings_of(replace(wishes, skip_sections=()))
    fresh = type(settings)()
    return settings.replace(terms=(), views=fresh.views, training=fresh.training), [t.kind for t in settings.terms]


def settings_of(wishes: Wishes) -> RunSettings:
    """Return the settings of a run.

    Raises
    ------
    InputError
        If a value is out of bounds.
    """
    from napari_em_autoclass.core.run_settings import apply_setting, load_recipe

    settings = wishes.advanced
    if settings is None:
        settings = load_recipe(wishes.recipe)
        for assignment in wishes.preset:
            settings = apply_setting(settings, assignment)
    training: dict[str, Any] = {}
    if wishes.seconds is not None:
        training |= {"seconds": wishes.seconds, "steps": None}
    if settings.training.threads is None:
        # One core stays with the viewer, or it would stutter.
        training["threads"] = max(1, (os.cpu_count() or 2) - 1)
    changed = settings.replace(
        n_classes=wishes.n_classes,
        training=settings.training.replace(**training),
        region=wishes.region,
        skip_sections=wishes.skip_sections or (),
    )
    return with_weights(changed, wishes.weights)


def with_weights(settings: RunSettings, weights: Mapping[str, float]) -> RunSettings:
    """Return `settings` with the weights of the terms it has; kinds it has not are passed over.

    Raises
    ------
    InputError
        If a weight is out of bounds.
    """
    terms = tuple(term.replace(weight=weights[term.kind]) if term.kind in weights else term for term in settings.terms)
    return settings.replace(terms=terms)


def with_live_parts(settings: RunSettings, edited: RunSettings) -> RunSettings:
    """Return `settings` of a run with what `edited` says of the views, the training and the terms it has.

    The time the run has stays, and so does the weight of each term: that is the sliders' business.

    Raises
    ------
    InputError
        If they don't go together.
    """
    told = {term.kind: term for term in edited.terms}
    terms = tuple(told.get(term.kind, term).replace(weight=term.weight) for term in settings.terms)
    kept: dict[str, Any] = {name: getattr(settings.training, name) for name in _KEPT}
    return settings.replace(terms=terms, views=edited.views, training=edited.training.replace(**kept))


def open_trainer(order: RunOrder) -> Run:
    """Return the trainer of a run, ready for `events`; slow, since it imports torch."""
    if order.place.follows:
        return _followed(order)
    settings = _continued(order) if order.resume else settings_of(order.wishes)
    if not order.resume and order.wishes.skip_sections is None:
        from napari_em_autoclass.core.damage import find_damage

        settings = settings.replace(skip_sections=find_damage(order.volume).sections)
    if order.place.kind != "here":
        from napari_em_autoclass.io.elsewhere import RunRequest, open_elsewhere

        return open_elsewhere(order.place, order.volume, RunRequest(settings, order.run_dir, order.resume))
    from napari_em_autoclass.core.trainer import Trainer

    return Trainer(order.volume, settings, run_dir=order.run_dir, resume=order.resume)


def _followed(order: RunOrder) -> Run:
    """Return what follows a training that runs at the order's place already.

    Raises
    ------
    InputError
        If it is over, or learns from another stack.
    """
    from napari_em_autoclass.core.model import fingerprint
    from napari_em_autoclass.io.elsewhere import attach

    trainer = attach(order.place.address, order.place.follows, order.run_dir)
    if trainer.fingerprint != fingerprint(order.volume):
        trainer.close()
        raise InputError("that training learns from another stack; choose it above, then reconnect")
    return trainer


def _continued(order: RunOrder) -> RunSettings:
    """Return the settings of the run in the folder, with the time wished for on top of the time it had."""
    from napari_em_autoclass.core.checkpoint import RunFolder

    folder = RunFolder.open(order.run_dir)
    had_s = folder.load_weights()[1].elapsed_s
    settings = folder.settings
    if order.wishes.advanced is not None:
        settings = with_live_parts(settings, order.wishes.advanced)
    training = settings.training.replace(seconds=had_s + (order.wishes.seconds or 0.0), steps=None)
    return with_weights(settings.replace(training=training), order.wishes.weights)


def open_classify(run_dir: Path, volume: Volume) -> Callable[[View], Seen]:
    """Return what classifies a view with a finished run; it is loaded at the first call, in the thread of that.

    Of a cut across the sections each call gives the next piece.
    """
    loaded: list[tuple[Model, Pictures, int]] = []  # empty until the first call

    def classify(view: View) -> Seen:
        if not loaded:
            from napari_em_autoclass.core.checkpoint import RunFolder
            from napari_em_autoclass.core.pictures import Pictures

            folder = RunFolder.open(run_dir)
            model = folder.model()
            pictures = Pictures(model.working(volume), model.settings.n_classes)
            loaded.append((model, pictures, folder.load_weights()[1].step))
        model, pictures, step = loaded[0]
        return pictures.take(model.split(view.splits), view, (str(run_dir), step, model.stage))

    return classify
