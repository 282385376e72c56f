"""Sliders in plain words and the weights they stand for."""

from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.core.losses import TERMS
from napari_em_autoclass.gui.recipe_card import dock_cards
from napari_em_autoclass.gui.sliders import AIMS, AimSliders

RECIPE = {"forecast": 1.0, "neighbour_information": 0.3, "balance": 1.0, "confidence": 0.0}


@pytest.fixture
def sliders(qtbot: Any) -> AimSliders:
    made = AimSliders()
    qtbot.addWidget(made)
    made.set_recipe(RECIPE)
    return made


def slider(sliders: AimSliders, words: str) -> Any:
    return next(row[1] for aim, row in sliders._rows.items() if aim.words == words)


def test_untouched_they_stand_for_the_recipe(sliders: AimSliders) -> None:
    assert sliders.weights == RECIPE


@pytest.mark.parametrize("card", dock_cards(), ids=lambda card: card.name)
def test_every_recipe_is_shown_as_it_is(qtbot: Any, card: Any) -> None:
    made = AimSliders()
    qtbot.addWidget(made)
    made.set_recipe(card.weights)
    assert made.weights == dict(card.weights)


def test_every_term_there_is_serves_one_aim() -> None:
    served = [kind for aim in AIMS for kind in aim.kinds]
    assert len(set(served)) == len(served)
    assert {term.model_fields["kind"].default for term in TERMS} <= set(served)


def test_a_slider_moves_all_terms_that_serve_its_aim(qtbot: Any, sliders: AimSliders) -> None:
    with qtbot.waitSignal(sliders.changed) as told:
        slider(sliders, "Neighbours must foretell this section").setValue(40)  # twice
    assert told.args[0] == sliders.weights
    assert sliders.weights["forecast"] == 2.0
    assert sliders.weights["neighbour_information"] == pytest.approx(0.6)
    assert sliders.weights["balance"] == 1.0


def test_a_term_the_recipe_offers_with_weight_0_can_be_switched_on(sliders: AimSliders) -> None:
    slider(sliders, "Decide clearly").setValue(10)
    assert sliders.weights["confidence"] == 0.5


def test_raising_doubles_and_wakes(sliders: AimSliders) -> None:
    sliders.raise_aim("balance")
    assert sliders.weights["balance"] == 2.0
    slider(sliders, "Use all the classes").setValue(0)
    sliders.raise_aim("balance")
    assert sliders.weights["balance"] == 1.0


def test_lowering_halves_and_says_when_there_is_nothing_left(sliders: AimSliders) -> None:
    assert sliders.lower_aim("forecast")
    assert (sliders.weights["forecast"], sliders.weights["neighbour_information"]) == (0.5, 0.15)
    slider(sliders, "Neighbours must foretell this section").setValue(0)
    assert not sliders.lower_aim("forecast")
    assert not sliders.lower_aim("a kind it has not")
    assert sliders.kinds == {"balance"}


def test_raising_stops_at_the_end(sliders: AimSliders) -> None:
    assert [sliders.raise_aim("balance") for _ in range(3)] == [True, True, False]
    assert sliders.weights["balance"] == 4.0


def test_one_term_can_have_a_weight_of_its_own(qtbot: Any, sliders: AimSliders) -> None:
    with qtbot.waitSignal(sliders.changed):
        sliders.set_weight("neighbour_information", 0.8)
    assert sliders.weights == {**RECIPE, "neighbour_information": 0.8}
    slider(sliders, "Neighbours must foretell this section").setValue(10)  # both follow, each from its own
    assert (sliders.weights["forecast"], sliders.weights["neighbour_information"]) == (0.5, 0.4)
    sliders.set_weight("forecast", 0.0)
    assert sliders.weights["forecast"] == 0.0
    with qtbot.assertNotEmitted(sliders.changed):
        sliders.set_weight("forecast", 0.0)


def test_of_an_aim_that_is_off_one_term_alone_is_switched_on(sliders: AimSliders) -> None:
    slider(sliders, "Neighbours must foretell this section").setValue(0)
    sliders.set_weight("forecast", 0.7)
    assert (sliders.weights["forecast"], sliders.weights["neighbour_information"]) == (0.7, 0.0)


def test_aims_the_recipe_does_not_serve_are_hidden(sliders: AimSliders) -> None:
    assert slider(sliders, "Prefer compact regions").isHidden()
    assert not slider(sliders, "Use all the classes").isHidden()


def test_the_tooltip_names_the_term_of_the_trade(sliders: AimSliders) -> None:
    assert "equipartition" in slider(sliders, "Use all the classes").toolTip()
