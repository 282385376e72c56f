"""The table of recipes in the dock: what is to be compared, and how each did."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor, QFont
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_em_autoclass.core.comparison.rows import COLUMNS, RecipeRow, best_of
from napari_em_autoclass.gui.glyphs import GREEN, RED
from napari_em_autoclass.gui.recipe_card import DockCard

__all__ = ["ComparisonTable"]

# What a narrow dock has room for; the rest is in the tooltip and in the folder.
_SHOWN = {"merged_miou": "mIoU", "csev": "CSEV", "effective_classes": "In use"}
_BY_KEY = {column.key: column for column in COLUMNS}
_WIDTH, _ROW_HEIGHT, _HEIGHT = 48, 22, 260
_RECIPE = int(Qt.ItemDataRole.UserRole)


class ComparisonTable(QTableWidget):
    """One row per recipe: a tick, its name, and figures as they come."""

    ticks_changed = Signal()
    recipe_clicked = Signal(str)

    def __init__(self, cards: Sequence[DockCard], parent: QWidget | None = None) -> None:
        super().__init__(len(cards), 1 + len(_SHOWN), parent)
        self.setTabKeyNavigation(False)  # Tab leaves it; arrows go from cell to cell
        self._cards = {card.name: card for card in cards}
        self._rows: dict[str, RecipeRow] = {}
        self._is_locked = False
        self.setHorizontalHeaderLabels(["Recipe", *_SHOWN.values()])
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMinimumHeight(96)
        self.setFixedHeight(min(_HEIGHT, _ROW_HEIGHT * (len(cards) + 1) + 8))
        numbers, header = self.verticalHeader(), self.horizontalHeader()
        assert numbers is not None
        assert header is not None
        numbers.setVisible(False)
        numbers.setDefaultSectionSize(_ROW_HEIGHT)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(_WIDTH - 6)
        for column in range(1 + len(_SHOWN)):
            mode = QHeaderView.ResizeMode.Fixed if column else QHeaderView.ResizeMode.Stretch
            header.setSectionResizeMode(column, mode)
            if column:
                self.setColumnWidth(column, _WIDTH)
        for column, key in enumerate(_SHOWN, start=1):
            head = self.horizontalHeaderItem(column)
            assert head is not None
            head.setToolTip(f"<qt>{_BY_KEY[key].title}: {_BY_KEY[key].about}</qt>")
        self._fill()
        self.itemChanged.connect(lambda item: self.ticks_changed.emit() if item.column() == 0 else None)
        self.cellClicked.connect(self._on_clicked)

    def ticked(self) -> tuple[str, ...]:
        """Return the recipes that are ticked, in their order."""
        items = (self._cell(row, 0) for row in range(self.rowCount()))
        return tuple(str(item.data(_RECIPE)) for item in items if item.checkState() == Qt.CheckState.Checked)

    def tick(self, wanted: Callable[[DockCard], bool]) -> None:
        """Tick the recipes that are wanted, and no others."""
        for number, card in enumerate(self._cards.values()):
            state = Qt.CheckState.Checked if wanted(card) else Qt.CheckState.Unchecked
            self._cell(number, 0).setCheckState(state)

    def title_of(self, recipe: str) -> str:
        """Return what people call a recipe."""
        return self._cards[recipe].card.title if recipe in self._cards else recipe

    def set_locked(self, is_locked: bool) -> None:
        """Keep the ticks as they are, while the recipes are compared."""
        if is_locked == self._is_locked:
            return
        self._is_locked = is_locked
        self.blockSignals(True)
        for number in range(self.rowCount()):
            item = self._cell(number, 0)
            checkable = Qt.ItemFlag.ItemIsUserCheckable
            item.setFlags(item.flags() & ~checkable if is_locked else item.flags() | checkable)
        self.blockSignals(False)

    def forget(self) -> None:
        """Empty all figures."""
        self._rows = {}
        self._fill_figures()

    def set_running(self, recipe: str) -> None:
        """Mark the recipe that runs now; none when there is no such."""
        for number, name in enumerate(self._cards):
            if name not in self._rows:
                self._cell(number, 1).setText("…" if name == recipe else "")
            if name == recipe:
                self.scrollToItem(self._cell(number, 0))

    def set_row(self, row: RecipeRow) -> None:
        """Show how a recipe did; what is best of each column so far stands out."""
        self._rows[row.recipe] = row
        self._fill_figures()

    def _fill(self) -> None:
        for number, card in enumerate(self._cards.values()):
            name = QTableWidgetItem(card.card.title)
            name.setData(_RECIPE, card.name)
            name.setCheckState(Qt.CheckState.Unchecked)
            self.setItem(number, 0, name)
            for column in range(1, 1 + len(_SHOWN)):
                cell = QTableWidgetItem("")
                cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(number, column, cell)
        self._fill_figures()

    def _fill_figures(self) -> None:
        best = best_of(self._rows.values())
        self.blockSignals(True)  # ticks stay as they are
        for number, (name, card) in enumerate(self._cards.items()):
            row = self._rows.get(name)
            self._cell(number, 0).setToolTip(_tooltip(card, row))
            for column, key in enumerate(_SHOWN, start=1):
                self._set(self._cell(number, column), row, key, best)
            if row is not None and row.outcome != "finished":
                self._cell(number, 1).setText("flat" if row.outcome == "collapsed" else "failed")
        self.blockSignals(False)
        view = self.viewport()
        if view is not None:
            view.update()

    def _set(self, cell: QTableWidgetItem, row: RecipeRow | None, key: str, best: dict[str, float]) -> None:
        finished = row is not None and row.outcome == "finished"
        value = row.figures.get(key) if row is not None else None
        wins = finished and value is not None and value == best.get(key)
        font = QFont(self.font())
        font.setBold(wins)
        cell.setFont(font)
        cell.setText("" if value is None else _BY_KEY[key].text(value))
        color = QColor(GREEN) if wins else QColor(RED) if row is not None and not finished else None
        cell.setForeground(QBrush(color) if color is not None else QBrush())
        cell.setToolTip(self._cell(cell.row(), 0).toolTip())

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        item = self.item(row, column)
        assert item is not None  # each is made at the beginning
        return item

    def _on_clicked(self, row: int, column: int) -> None:
        if column or self._is_locked or self._cell(row, 0).data(_RECIPE) in self._rows:
            self.recipe_clicked.emit(str(self._cell(row, 0).data(_RECIPE)))


def _tooltip(card: DockCard, row: RecipeRow | None) -> str:
    """Return what a recipe does, how it ended, and all its figures."""
    lines = [f"<b>{card.card.title}</b>", card.card.about]
    if row is not None:
        lines.append(f"<i>{row.outcome}{': ' if row.reason else ''}{row.reason}</i>")
        lines += [f"{c.title}: {c.text(row.figures[c.key])}" for c in COLUMNS if c.key in row.figures]
    return f"<qt>{'<br>'.join(lines)}</qt>"
