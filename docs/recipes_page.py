"""The page of all recipes: what each does, where it comes from, what it is made of, how it did on the phantom.

What is said comes from the recipes themselves.  The figures come from a comparison that somebody ran, and kept as
`FIGURES`:

    em-autoclass phantom phantom.ome.tif
    em-autoclass compare phantom.ome.tif --labels phantom_labels.ome.tif --seconds 60 --out compared
    cp compared/compare.json docs/reference/recipes_phantom.json && python docs/generate.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from scipy.stats import spearmanr

from napari_em_autoclass.core.comparison.rows import NOTES, RecipeRow, shown_columns
from napari_em_autoclass.core.recipe import GROUPS, RecipeCard, recipe_card, recipe_names
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe
from napari_em_autoclass.io.comparison_table import markdown_rows

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["FIGURES", "recipes_page"]

FIGURES = Path(__file__).parent / "reference" / "recipes_phantom.json"

_LABEL_FREE = ("csev", "effective_classes", "z_kappa", "z_mutual_information", "stability")
_FEWEST = 5  # rows, to speak of a rank correlation

_INTRODUCTION = """\
# Recipes

A recipe is a file of settings: which terms a training strives for, with which networks, from which start. Each is
chosen by `--recipe NAME`, in the dock under *Recipe*, or from Python by `load_recipe(NAME)`;
`em-autoclass recipes NAME --json` writes one to start your own from.

Those called after a published method hold that method's idea, written from its formulas, on the one small network and
the one loop that all recipes share: so they can be compared. They are not its original program, and what its authors
reach with large networks, many images and days of training is another matter.

Which of them suits your stack is best found by trying:

```console
$ em-autoclass compare stack.ome.tif --seconds 60 --out compared
```
"""


_ELSEWHERE = (
    (
        "CutLER (MaskCut), Wang et al. 2023",
        "single objects inside a class, by normalised cuts, carried along z",
        "`em-autoclass refine --objects`",
    ),
    (
        "Dense CRF, Krähenbühl and Koltun 2011, as STEGO uses it",
        "grain removed, borders that the image shows kept",
        "`em-autoclass refine --smooth`",
    ),
    (
        "Leopart's communities, Ziegler and Asano 2022",
        "classes that turn into each other along z become one",
        "`em-autoclass refine --groups`",
    ),
    (
        "SAM, Kirillov et al. 2023; micro-sam, Archit et al. 2025",
        "points and boxes out, masks back as a vote for crisp borders",
        "`em-autoclass prompts`, `refine --masks`",
    ),
    (
        "ASEM / incasem, Gallusser et al. 2023",
        "their Zarr layout in and out; F1 without the border",
        "`em-autoclass asem`, `score --organelle`",
    ),
    (
        "label-efficient adaptation (surveys: Kreshuk and Zhang 2023 and others)",
        "some painted voxels become a map",
        "*Paint to teach*, `em-autoclass probe`",
    ),
    (
        "over-clustering head (IIC)",
        "a second, finer set of classes beside the first",
        "`terms.view_information.over_classes`",
    ),
    (
        "prototypes (SwAV, DINO), slots, guided slots",
        "class heads",
        "`classifier.head`",
    ),
    (
        "local attention (DenseCL, TCC), transformer (JEPA), the mean of the neighbours",
        "predictors",
        "`predictor.kind`",
    ),
    (
        "three sections as input, small ViT, filters alone, frozen DINO or SAM",
        "networks",
        "`classifier.backbone`",
    ),
)


def recipes_page(figures: Path = FIGURES) -> str:
    """Return the page; without a file of figures it says that there are none yet."""
    stored = json.loads(figures.read_text(encoding="utf-8")) if figures.is_file() else {"rows": [], "comparison": {}}
    rows = {row.recipe: row for row in map(RecipeRow.from_json, stored["rows"])}
    cards = [recipe_card(name) for name in recipe_names()]
    parts = [_INTRODUCTION, "\n## Figures on the phantom\n\n", _figures(list(rows.values()), stored["comparison"])]
    for group, heading in GROUPS.items():
        members = [card for card in cards if card.group == group]
        if members:
            parts.append(f"\n## {heading}\n")
            parts += [_recipe(card, rows.get(card.name)) for card in members]
    return "".join([*parts, _elsewhere()])


def _elsewhere() -> str:
    rows = "".join(f"| {' | '.join(cells)} |\n" for cells in _ELSEWHERE)
    return (
        "\n## Methods that are no recipes\n\n"
        "What changes a finished map, or hands it over, or is a choice within any recipe:\n\n"
        f"| system | what is here of it | how |\n|---|---|---|\n{rows}\n"
        "More on the first six in [paint, refine, hand over](../howto/refine.md).\n"
    )


def _figures(rows: list[RecipeRow], about: dict[str, Any]) -> str:
    if not rows:
        return "None were taken yet with these recipes; `docs/recipes_page.py` says how.\n"
    shape = " × ".join(str(length) for length in about["shape_zyx"])
    budget = f"{about['seconds']:g} s" if about.get("seconds") else f"{about['steps']} steps"
    missing = sorted(set(recipe_names()) - {row.recipe for row in rows})
    without = f" Not measured yet: {', '.join(f'`{name}`' for name in missing)}." if missing else ""
    return (
        f"The built-in phantom ({shape} voxels), {about['classes']} classes, seed {about['seed']}, {budget} of "
        "training each, one after another on one machine. Speed and memory are of that machine, and few steps fit into "
        f"the time where it is slow.{without}\n\n"
        f"{markdown_rows(rows)}\n"
        f"{_ranking(rows)}\n"
        + "".join(f"- *{column.title}*: {column.about}.\n" for column in shown_columns(rows))
        + "\n"
        + "".join(f"- {note}\n" for note in NOTES)
    )


def _ranking(rows: list[RecipeRow]) -> str:
    """Return how well scores without labels rank these rows, in words."""
    scored = [row.figures for row in rows if row.figures.get("merged_miou") is not None]
    told = []
    for column in shown_columns(rows):
        if column.key in _LABEL_FREE and all(figures.get(column.key) is not None for figures in scored):
            given, judged = ([figures[key] for figures in scored] for key in (column.key, "merged_miou"))
            told.append(f"{column.title} {float(spearmanr(given, judged).statistic):.2f}")
    return (
        f"Without labels one would rank these {len(scored)} maps much as the merged mIoU does by some scores, and not "
        f"by others (Spearman rank correlation): {', '.join(told)}.\n"
        if len(scored) >= _FEWEST and told
        else ""
    )


def _recipe(card: RecipeCard, row: RecipeRow | None) -> str:
    settings = load_recipe(card.name)
    lines = [f"- *Asked for by*: `{card.name}`", f"- *Strives for*: {_terms(settings)}"]
    if changed := ", ".join(_changed(settings, RunSettings())):
        lines.append(f"- *Differs from the defaults in*: {changed}")
    lines += [f"- *Paper*: {paper}" for paper in card.papers]
    if row is not None:
        told = ", ".join(f"{c.title} {c.text(row.figures[c.key])}" for c in shown_columns([row], main_only=True))
        lines.append(f"- *On the phantom*: {row.outcome}{', ' if told else ''}{told}")
    return f"\n### {card.title}\n\n{card.about}\n\n" + "\n".join(lines) + "\n"


def _terms(settings: RunSettings) -> str:
    """Return each term with its weight, and what else in it is not as by default."""
    said = []
    for term in settings.terms:
        if not term.weight:
            continue
        others = ", ".join(_changed(term, type(term)(), ("kind", "weight")))
        said.append(f"`{term.kind}` × {term.weight:g}{f' ({others})' if others else ''}")
    return ", ".join(said) or "nothing: nothing is trained"


def _changed(settings: BaseModel, default: BaseModel, without: tuple[str, ...] = ("recipe", "terms")) -> Iterator[str]:
    """Yield ``path = value`` of each setting that isn't as by default."""
    for name in type(settings).model_fields:
        value, usual = getattr(settings, name), getattr(default, name)
        if name in without or value == usual:
            continue
        if isinstance(value, BaseModel):
            yield from (f"`{name}.{line[1:]}" for line in _changed(value, usual))
        else:
            yield f"`{name}` = {json.dumps(value)}"
