"""What the dock shows of a recipe before anything is computed.

`core.run_settings` knows more, but brings torch along, which opening the dock must not wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_em_autoclass.core.recipe import RecipeCard, recipe_card, recipe_names, recipe_tree

__all__ = ["DEFAULT_CLASSES", "DEFAULT_SECONDS", "DockCard", "dock_card", "dock_cards"]

# The defaults of RunSettings; a test compares.
DEFAULT_CLASSES = 20
DEFAULT_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class DockCard:
    """A recipe's card, weight by kind of its terms, and how long it trains (None: a number of steps)."""

    card: RecipeCard
    weights: Mapping[str, float]
    seconds: float | None

    @property
    def name(self) -> str:
        """What the recipe is asked for by."""
        return self.card.name


def dock_cards() -> tuple[DockCard, ...]:
    """Return the recipes that come with the program, the default first."""
    return tuple(dock_card(name) for name in recipe_names())


def dock_card(name: str) -> DockCard:
    """Return what the dock shows of recipe `name`.

    Raises
    ------
    InputError
        If there is no recipe of that name.
    """
    tree = recipe_tree(name)
    weights = {term["kind"]: float(term.get("weight", 1.0)) for term in tree.get("terms", ())}
    return DockCard(recipe_card(name), weights, tree.get("training", {}).get("seconds", DEFAULT_SECONDS))
