"""The list of recipes, under headings."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_em_autoclass.core.recipe import GROUPS, RecipeCard
from napari_em_autoclass.gui.fitted_text import ElidedBox

__all__ = ["RecipeBox"]

_MOST_ROWS = 24


class RecipeBox(ElidedBox):
    """Offers recipes by their titles; `currentData` is the name of the one that is chosen.

    Headings can't be chosen, neither with the mouse nor with the keyboard.
    """

    def __init__(self, cards: Iterable[RecipeCard], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        known = tuple(cards)
        for group, heading in GROUPS.items():
            members = [card for card in known if card.group == group]
            if members:
                self._add_heading(heading)
            for card in members:
                self._add(card)
        self.setMaxVisibleItems(_MOST_ROWS)
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 24)  # the list may be wider than the dock
        self.setCurrentIndex(self.findData(known[0].name))

    def _add_heading(self, heading: str) -> None:
        self.addItem(heading)
        row = self.count() - 1
        self.model().setData(self.model().index(row, 0), Qt.ItemFlag.NoItemFlags.value, Qt.ItemDataRole.UserRole - 1)

    def _add(self, card: RecipeCard) -> None:
        self.addItem(card.title, card.name)
        self.setItemData(self.count() - 1, f"<qt>{card.about}</qt>", Qt.ItemDataRole.ToolTipRole)
