"""What the dock shows of a recipe before anything is computed.

`core.run_settings` knows all of it and more, but brings torch along, which opening the dock must not wait for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["DEFAULT_CLASSES", "DEFAULT_RECIPE", "DEFAULT_SECONDS", "GROUPS", "RecipeCard", "recipe_cards"]

GROUPS = {
    "recommended": "Recommended",
    "classes": "From the literature: classes learned directly",
    "features": "From the literature: features first, then clusters",
    "weights": "With a network you bring (weights file)",
    "yardsticks": "Yardsticks",
}
"""What recipes are listed under, in this order."""

# The defaults of RunSettings; a test compares.
DEFAULT_RECIPE = "neighbour-forecast"
DEFAULT_CLASSES = 20
DEFAULT_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class RecipeCard:
    """Name, one sentence, weight by kind of its terms, and how long it trains (None: a number of steps).

    `system` is the published method it stands for (may be empty), `group` one of `GROUPS`, `papers` its sources.
    """

    name: str
    about: str
    weights: Mapping[str, float]
    seconds: float | None
    system: str = ""
    group: str = "features"
    papers: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the name as people write it: "Neighbour forecast", "SimCLR"."""
        return self.system or self.name.replace("-", " ").capitalize()


def recipe_cards() -> tuple[RecipeCard, ...]:
    """Return the recipes that come with the program, the default first."""
    folder = files("napari_em_autoclass.core") / "recipes"
    stored = {
        path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
        for path in folder.iterdir()
        if path.name.endswith(".json")
    }
    names = sorted(stored, key=lambda name: (name != DEFAULT_RECIPE, name))
    return tuple(_card(name, stored[name]) for name in names)


def _card(name: str, content: dict[str, object]) -> RecipeCard:
    terms = content.get("terms") or []
    training = content.get("training") or {}
    assert isinstance(terms, list)
    assert isinstance(training, dict)
    weights = {term["kind"]: float(term.get("weight", 1.0)) for term in terms}
    papers = content.get("papers") or []
    assert isinstance(papers, list)
    about, system, group = (str(content.get(key, "")) for key in ("about", "system", "group"))
    seconds = training.get("seconds", DEFAULT_SECONDS)
    return RecipeCard(name, about, weights, seconds, system, group, tuple(map(str, papers)))
