from __future__ import annotations

from qtpy.QtCore import Qt

from napari_em_autoclass.core.recipe import DEFAULT_RECIPE, GROUPS, RecipeCard, recipe_card, recipe_names
from napari_em_autoclass.gui.recipe_box import RecipeBox


def headings(box: RecipeBox) -> list[str]:
    return [box.itemText(row) for row in range(box.count()) if box.itemData(row) is None]


def test_every_recipe_stands_under_its_heading(qtbot) -> None:
    cards = [recipe_card(name) for name in recipe_names()]
    box = RecipeBox(cards)
    qtbot.addWidget(box)
    found: dict[str, str] = {}
    heading = ""
    for row in range(box.count()):
        name = box.itemData(row)
        if name is None:
            heading = box.itemText(row)
        else:
            found[name] = heading
    assert found == {card.name: GROUPS[card.group] for card in cards}


def test_the_default_is_chosen_first(qtbot) -> None:
    box = RecipeBox(map(recipe_card, recipe_names()))
    qtbot.addWidget(box)
    assert box.currentData() == DEFAULT_RECIPE


def test_a_heading_can_not_be_chosen(qtbot) -> None:
    cards = (
        RecipeCard("one", "", "", (), "recommended"),
        RecipeCard("two", "", "", (), "yardsticks"),
    )
    box = RecipeBox(cards)
    qtbot.addWidget(box)
    assert headings(box) == ["Recommended", "Yardsticks"]
    seen = [box.currentData()]
    for _ in range(4):
        qtbot.keyClick(box, Qt.Key.Key_Down)
        seen.append(box.currentData())
    assert seen == ["one", "two", "two", "two", "two"]


def test_a_heading_without_recipes_is_left_out(qtbot) -> None:
    box = RecipeBox((RecipeCard("one", "", "", (), "features"),))
    qtbot.addWidget(box)
    assert headings(box) == [GROUPS["features"]]
