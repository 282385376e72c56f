"""Cards say what the core's recipes say, without torch."""

from __future__ import annotations

import subprocess
import sys

from napari_em_autoclass.core.run_settings import RunSettings, load_recipe, recipe_names
from napari_em_autoclass.gui.recipe_card import DEFAULT_CLASSES, DEFAULT_SECONDS, dock_cards


def test_cards_and_core_agree() -> None:
    cards = dock_cards()
    assert tuple(card.name for card in cards) == recipe_names()
    for card in cards:
        settings = load_recipe(card.name)
        assert dict(card.weights) == {term.kind: term.weight for term in settings.terms}
        assert card.seconds == settings.training.seconds
        assert card.card.about


def test_defaults_are_those_of_the_core() -> None:
    settings = RunSettings()
    assert settings.n_classes == DEFAULT_CLASSES
    assert settings.training.seconds == DEFAULT_SECONDS


def test_titles_read_as_words() -> None:
    assert dock_cards()[0].card.title == "Neighbour forecast"


def test_reading_cards_does_not_import_torch() -> None:
    program = (
        "import sys; from napari_em_autoclass.gui.recipe_card import dock_cards; dock_cards();"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
