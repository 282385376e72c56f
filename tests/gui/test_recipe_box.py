from __future__ import annotations

from qtpy.QtCore import Qt

from napari_em_autoclass.gui.recipe_box import RecipeBox
from napari_em_autoclass.gui.recipe_card import DEFAULT_RECIPE, GROUPS, RecipeCard, recipe_cards


def headings(box: RecipeBox) -> list[str]:
    return [box.itemText(row) for row in range(box.count()) if box.itemData(row) is None]


def test_every_recipe_stands_under_its_heading(qtbot) -> None:
    cards = recipe_cards()
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
    box = RecipeBox(recipe_cards())
    qtbot.addWidget(box)
    assert box.currentData() == DEFAULT_RECIPE


def test_a_heading_can_not_be_chosen(qtbot) -> None:
    cards = (
        RecipeCard("one", "", {}, 1.0, group="recommended"),
        RecipeCard("two", "", {}, 1.0, group="yardsticks"),
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
    box = RecipeBox((RecipeCard("one", "", {}, 1.0, group="features"),))
    qtbot.addWidget(box)
    assert headings(box) == [GROUPS["features"]]
