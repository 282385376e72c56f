"""Recipes as they are stored: JSON trees of settings that differ from the defaults, and what is said of them.

A recipe is data.  Those that come with the program lie in ``core/recipes``; a file of one's own is named by its path
(``--recipe my.json``).  Nothing here knows what the settings mean, so that a list of recipes can be shown at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import json_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_RECIPE", "GROUPS", "RecipeCard", "recipe_card", "recipe_names", "recipe_tree"]

DEFAULT_RECIPE = "neighbour-forecast"

GROUPS: Mapping[str, str] = {
    "recommended": "Recommended",
    "classes": "From the literature: classes learned directly",
    "features": "From the literature: features first, then clusters",
    "weights": "With a network you bring (weights file)",
    "yardsticks": "Yardsticks",
    "own": "Your own",
}
"""What recipes are listed under, in this order."""

_SAID = ("about", "system", "papers", "group")
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class RecipeCard:
    """What is said of a recipe.

    Parameters
    ----------
    name : to ask for it by
    about : one sentence
    system : the published method it stands for, may be empty
    papers : "Authors Year, Title"
    group : one of `GROUPS`
    """

    name: str
    about: str
    system: str
    papers: tuple[str, ...]
    group: str

    @property
    def title(self) -> str:
        """Return the name as people write it: "Neighbour forecast", "SimCLR"."""
        return self.system or self.name.replace("-", " ").capitalize()


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with the program: by group, the default first."""
    names = (path.name.removesuffix(".json") for path in _folder().iterdir() if path.name.endswith(".json"))
    order = {group: place for place, group in enumerate(GROUPS)}
    cards = {name: recipe_card(name) for name in names}
    return tuple(sorted(cards, key=lambda name: (name != DEFAULT_RECIPE, order[cards[name].group], name)))


def recipe_card(name: str) -> RecipeCard:
    """Return what is said of recipe `name`.

    Raises
    ------
    InputError
        If there is no recipe of that name, or the file of that name holds none.
    """
    tree = _read(name)
    papers = tree.get("papers", ())
    said = (str(tree.get("about", "")), str(tree.get("system", "")))
    group = str(tree.get("group", "own"))
    return RecipeCard(
        _short(name),
        *said,
        tuple(map(str, papers)) if isinstance(papers, list) else (),
        group if group in GROUPS else "own",
    )


def recipe_tree(name: str) -> dict[str, Any]:
    """Return the settings of recipe `name`, as they are stored, with its name under "recipe".

    Parameters
    ----------
    name : of a recipe that comes with the program, or the path of a file that ends in ``.json``

    Raises
    ------
    InputError
        If there is no recipe of that name, or the file of that name holds none.
    """
    return {**{key: value for key, value in _read(name).items() if key not in _SAID}, "recipe": _short(name)}


def _read(name: str) -> dict[str, Any]:
    if name.endswith(".json"):
        return _from_file(Path(name))
    path = _folder() / f"{name}.json"
    if not name or "/" in name or "\\" in name or not path.is_file():
        raise InputError(f"unknown recipe {name!r}; choose one of: {', '.join(recipe_names())}, or name a .json file")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _from_file(path: Path) -> dict[str, Any]:
    try:
        is_large = path.stat().st_size > _MAX_BYTES
        tree = None if is_large else json_of(path, _MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON text"
        raise InputError(f"can't read the recipe {path}: {reason}") from error
    if is_large:
        raise InputError(f"{path} is too large for a recipe (over 1 MB)")
    if not isinstance(tree, dict):
        raise InputError(f"{path} holds no recipe; write a table of settings such as the recipes reference shows")
    return tree


def _short(name: str) -> str:
    return Path(name).stem if name.endswith(".json") else name


def _folder() -> Any:
    return files("napari_em_autoclass.core") / "recipes"
