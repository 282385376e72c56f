"""``em-autoclass recipes``: the methods there are, and what one of them is made of."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import fill
from typing import Annotated

import typer

from napari_em_autoclass.cli.options import JsonOption

__all__ = ["recipes"]

_WIDTH = 100


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="Show this one, with its settings and papers.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the recipes: what each does, and the published method it stands for.

    $ em-autoclass recipes

    $ em-autoclass recipes simclr

    $ em-autoclass recipes swav --json > mine.json

    Change the file as you like, and name it where a recipe is asked for.
    """
    from napari_em_autoclass.cli.progress import print_json
    from napari_em_autoclass.core.recipe import GROUPS, recipe_card, recipe_names, recipe_tree

    if name is not None:
        card, tree = recipe_card(name), recipe_tree(name)
        del tree["recipe"]
        said = {key: value for key, value in asdict(card).items() if key != "name"}
        if as_json:
            typer.echo(json.dumps({**said, **tree}, indent=2, ensure_ascii=False, default=list))
            return
        typer.echo(f"{card.title}: {card.about}\n")
        for paper in card.papers:
            typer.echo(f"  {paper}")
        typer.echo(json.dumps(tree, indent=2, ensure_ascii=False))
        return
    cards = [recipe_card(known) for known in recipe_names()]
    if as_json:
        print_json({"recipes": [asdict(card) for card in cards]})
        return
    for group, heading in GROUPS.items():
        members = [card for card in cards if card.group == group]
        if members:
            typer.secho(heading, bold=True)
        for card in members:
            typer.echo(f"  {card.name}" + (f"  ({card.system})" if card.system else ""))
            typer.echo(fill(card.about, _WIDTH, initial_indent="      ", subsequent_indent="      "))
