"""All settings of a run in one frozen tree, and the recipes that fill it.

The form in the dock, the command line's ``--set``, the JSON in the run folder and the reference page all come from
here.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, ValidationError, model_validator

from napari_em_autoclass.core.classifier.forecast_classifier import ClassifierSettings
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.label_start import LabelStart
from napari_em_autoclass.core.losses import AnyLossTerm
from napari_em_autoclass.core.normalise import NormalisationSettings
from napari_em_autoclass.core.predictor import PredictorSettings
from napari_em_autoclass.core.recipe import DEFAULT_RECIPE, recipe_card, recipe_names, recipe_tree
from napari_em_autoclass.core.settings import Settings, first_problem
from napari_em_autoclass.core.tiles import TileSettings
from napari_em_autoclass.core.views import ViewSettings
from napari_em_autoclass.core.volume import Box

__all__ = [
    "SCHEMA_VERSION",
    "RunSettings",
    "TrainingSettings",
    "apply_setting",
    "load_recipe",
    "recipe_card",
    "recipe_names",
    "refuse_fixed_changes",
]

SCHEMA_VERSION: Literal[1] = 1
_MAY_CHANGE = frozenset({"terms", "views", "training"})


class TrainingSettings(Settings):
    """How long and how fast to train."""

    seconds: float | None = Field(240.0, gt=0, le=1e7, json_schema_extra={"step": 10.0, "unit": "s"})
    """Time to train; empty when a number of steps is given."""
    steps: int | None = Field(None, ge=1, le=100_000_000)
    """Number of training steps; empty when a time is given."""
    learning_rate: float = Field(2e-3, gt=0, le=1, json_schema_extra={"step": 1e-4})
    """How fast the network changes; smaller is slower and steadier."""
    weight_decay: float = Field(1e-4, ge=0, le=1, json_schema_extra={"step": 1e-4})
    """Pull of the weights towards zero."""
    tiles_per_step: int = Field(6, ge=1, le=256)
    """Tiles seen at once; halved by itself when the device's memory is short."""
    pixels_per_tile: int = Field(4096, ge=64, le=1_048_576)
    """Pixels of a tile at which the forecast is checked in each step."""
    threads: int | None = Field(None, ge=1, le=1024)
    """Processor threads to use; empty means all but one in the dock and all elsewhere."""
    recluster_steps: int = Field(25, ge=1, le=100_000)
    """Steps between two updates of the classes while the features are still forming."""
    refine_from: float = Field(0.7, ge=0, le=1, json_schema_extra={"step": 0.05})
    """Fraction of the training after which the classes are fixed and only refined."""
    first_classes: Literal["clusters", "random"] = "clusters"
    """What the classes are when refining begins: clusters of what was learned, or random ones yet to be formed."""
    teacher_momentum: float = Field(0.99, ge=0, lt=1, json_schema_extra={"step": 0.01})
    """How slowly the mean teacher follows the network, for the terms that learn from it."""
    keep_best: bool = True
    """At the end, keep an earlier network if it explains the stack clearly better, or the filters if none learned."""
    snapshot_every_s: float = Field(0.4, gt=0, le=3600, json_schema_extra={"step": 0.1, "unit": "s"})
    """Time between two pictures of the section in view."""
    checkpoint_every_s: float = Field(5.0, gt=0, le=3600, json_schema_extra={"step": 1.0, "unit": "s"})
    """Time between two saves of the run."""

    def used(self, step: int, elapsed_s: float) -> float:
        """Return how much of the budget is used by then: 0 at the beginning, 1 at the end."""
        return step / self.steps if self.steps is not None else elapsed_s / (self.seconds or 1.0)

    @model_validator(mode="after")
    def _one_budget(self) -> TrainingSettings:
        if (self.seconds is None) == (self.steps is None):
            raise ValueError("give either training.seconds or training.steps, not both")
        return self


class RunSettings(Settings):
    """Everything that decides how a run goes."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this tree; a run folder of another version is refused."""
    recipe: str = Field(DEFAULT_RECIPE, max_length=1000)
    """The recipe these settings started from."""
    n_classes: int = Field(20, ge=2, le=254)
    """How many classes to tell apart; more than you need, you merge them afterwards."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Start of the random numbers; the same seed gives the same run."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    working_pixel_nm: float = Field(8.0, gt=0, le=1000, json_schema_extra={"step": 0.5, "unit": "nm"})
    """Pixel size at which classes are learned; finer images are averaged down to it."""
    region: str | None = Field(None, max_length=200)
    """Learn from this box alone, z0:z1,y0:y1,x0:x1 in voxels, half-open; all of the stack is classified."""
    skip_sections: tuple[NonNegativeInt, ...] = ()
    """Damaged sections, from 0 on: nothing is learned from them, nor are they foretold; they are classified."""
    normalisation: NormalisationSettings = NormalisationSettings()
    """How grey values are made comparable."""
    tiles: TileSettings = TileSettings()
    """What one training step sees."""
    views: ViewSettings = ViewSettings()
    """How training views are varied."""
    classifier: ClassifierSettings = ClassifierSettings()
    """The network that gives each pixel its class."""
    predictor: PredictorSettings = PredictorSettings()
    """The network that foretells a section from its neighbours."""
    terms: tuple[AnyLossTerm, ...] = ()
    """What the training strives for, and how much each part counts."""
    training: TrainingSettings = TrainingSettings()
    """How long and how fast to train."""
    start: LabelStart | None = None
    """The labels that the first classes come from, see `io.label_image`; without any they are clusters."""

    @property
    def first_names(self) -> tuple[str, ...]:
        """Names of the first classes, from class 1 on; empty where none is known."""
        return self.start.names if self.start is not None else ()

    @model_validator(mode="after")
    def _as_many_classes_as_labels(self) -> RunSettings:
        n_labels = len(self.start.labels) if self.start is not None else 0
        if n_labels > self.n_classes:
            raise ValueError(f"{n_labels} labels to start from need as many classes; n_classes is {self.n_classes}")
        return self

    @model_validator(mode="after")
    def _each_term_once(self) -> RunSettings:
        kinds = [term.kind for term in self.terms]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"a term is listed twice: {', '.join(kinds)}")
        return self

    def learned_box(self, shape_zyx: tuple[int, int, int]) -> Box:
        """Return the part of a stack to learn from.

        Raises
        ------
        InputError
            If the region, or a section that is to be skipped, is outside the stack, or no section is left.
        """
        box = Box.parse(self.region, shape_zyx) if self.region else Box.whole(shape_zyx)
        if self.skip_sections and max(self.skip_sections) >= shape_zyx[0]:
            raise InputError(
                f"there is no section {max(self.skip_sections)} to skip: the stack has 0 to {shape_zyx[0] - 1}"
            )
        if box.shape[0] <= len({z for z in self.skip_sections if box.z0 <= z < box.z1}):
            raise InputError("all sections are left out as damaged; leave some to learn from (skip_sections)")
        return box


def refuse_fixed_changes(old: RunSettings, new: RunSettings) -> None:
    """Check that `new` differs from `old` only in what may change while a run goes on: terms, views, training.

    Raises
    ------
    InputError
        If anything else differs: the networks and the saved run depend on it.
    """
    changed = [name for name in RunSettings.model_fields if getattr(old, name) != getattr(new, name)]
    fixed = [name for name in changed if name not in _MAY_CHANGE]
    if fixed:
        raise InputError(f"{', '.join(fixed)} can't be changed while a run goes on; start a new run")


def load_recipe(name: str) -> RunSettings:
    """Return the settings of recipe `name`, see `recipe.recipe_tree`.

    Raises
    ------
    InputError
        If there is no recipe of that name, or its file holds something else.
    """
    try:
        return RunSettings.model_validate(recipe_tree(name))
    except ValidationError as error:
        raise InputError(f"recipe {name}: {first_problem(error)}") from error


def apply_setting(settings: RunSettings, assignment: str) -> RunSettings:
    """Return `settings` with one ``path.to.setting=value`` applied; terms are addressed by kind.

    The value is read as JSON where that is possible (``null`` empties a setting), else as text.
    ``terms.balance.weight=0.5`` changes a term, or adds it when the recipe has none of that kind.

    Raises
    ------
    InputError
        If the text has no ``=``, the setting does not exist, or the value is out of bounds.
    """
    path, equals, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise InputError(f"{assignment!r} is not path.to.setting=value; write e.g. training.learning_rate=0.001")
    if keys == ["recipe"]:
        raise InputError("the recipe can't be set by itself: it is chosen as a whole (--recipe NAME)")
    tree = settings.model_dump(mode="json")
    node: Any = tree
    for depth, key in enumerate(keys[:-1]):
        node = _term(node, key) if depth == 1 and keys[0] == "terms" else _child(node, key, path)
    _child(node, keys[-1], path)
    node[keys[-1]] = _value(text.strip())
    _keep_one_budget(tree, path)
    try:
        return RunSettings.model_validate(tree)
    except ValidationError as error:
        raise InputError(first_problem(error)) from error


def _keep_one_budget(tree: dict[str, Any], path: str) -> None:
    """Empty the other of training.seconds and training.steps: whoever sets one means it."""
    other = {"training.seconds": "steps", "training.steps": "seconds"}.get(path.strip())
    if other:
        tree["training"][other] = None


def _child(node: Any, key: str, path: str) -> Any:
    if not isinstance(node, dict) or key not in node:
        known = f"; it has: {', '.join(node)}" if isinstance(node, dict) else ""
        raise InputError(f"unknown setting {path.strip()!r}: no {key!r}{known}")
    return node[key]


def _term(terms: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    for term in terms:
        if term["kind"] == kind:
            return term
    from pydantic import TypeAdapter  # noqa: PLC0415

    try:
        fresh: dict[str, Any] = TypeAdapter(AnyLossTerm).validate_python({"kind": kind}).model_dump(mode="json")
    except ValidationError as error:
        raise InputError(f"unknown term {kind!r}; see the settings reference for the list") from error
    terms.append(fresh)
    return fresh


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
