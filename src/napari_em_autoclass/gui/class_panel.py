"""The list of classes: show, colour, name, merge, undo."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qthrottled

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Event, RunStarted, StepDone
from napari_em_autoclass.gui.class_table import ID_ROLE, SORT_ROLE, ClassTable, Column, SignDelegate
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.glyphs import GlyphButton
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.suggestions import Suggestions

__all__ = ["ClassPanel"]

_NARROW = 26


class ClassPanel(QWidget):
    """One row per class or group.  Every edit goes through `Decisions`, so all can be undone."""

    title = "3  Classes"
    probabilities_wanted = Signal(object)  # frozenset of shown ids

    def __init__(self, session: Session, decisions: Decisions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._decisions = session, decisions
        self._with_probability: frozenset[int] = frozenset()
        self._usage: tuple[float, ...] = ()
        self.table = ClassTable()
        self.rows = QSortFilterProxyModel(self)
        self.rows.setSourceModel(self.table)
        self.rows.setSortRole(SORT_ROLE)
        self.rows.setFilterKeyColumn(Column.NAME)
        self.rows.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.rows.setDynamicSortFilter(False)  # shares change all the time; rows must not jump about
        self.view = self._make_view()
        selection = self.view.selectionModel()
        assert selection is not None  # a view with a model has one
        self._selection = selection
        self.search = QLineEdit()
        self.undo_button = GlyphButton("undo", "Undo")
        self.redo_button = GlyphButton("redo", "Redo")
        self.merge_button = QPushButton("Merge")
        self.unmerge_button = QPushButton("Un-merge")
        self.suggestions = Suggestions(session, decisions)
        self._lay_out()
        self._connect()
        self._show_shares = qthrottled(self._show_shares_now, timeout=500)
        self._update_buttons()

    def on_event(self, event: Event) -> None:
        """Follow a run."""
        if isinstance(event, RunStarted):
            self._usage = ()
            self.set_with_probability(frozenset())
        elif isinstance(event, StepDone):
            self._usage = event.usage
            self._show_shares()
        self.suggestions.on_event(event)

    def set_with_probability(self, shown_ids: frozenset[int]) -> None:
        """Say which classes have a probability layer (the user may have deleted one)."""
        self._with_probability = shown_ids
        self.table.set_with_probability(shown_ids)

    def selected_ids(self) -> tuple[int, ...]:
        """Return the ids of the selected rows, ascending."""
        chosen = self._selection.selectedRows(Column.NAME)
        return tuple(sorted(index.data(ID_ROLE) for index in chosen))

    def select(self, shown_ids: tuple[int, ...]) -> None:
        """Select the rows of these classes and nothing else."""
        self._selection.clearSelection()
        how = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in range(self.rows.rowCount()):
            index = self.rows.index(row, Column.NAME)
            if index.data(ID_ROLE) in shown_ids:
                self._selection.select(index, how)

    def close_down(self) -> None:
        """Update nothing later."""
        self._show_shares.cancel()
        self.suggestions.close_down()

    def _make_view(self) -> QTableView:
        view = QTableView()
        view.setModel(self.rows)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setSortingEnabled(True)
        view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        view.setMinimumHeight(96)
        numbers, header = view.verticalHeader(), view.horizontalHeader()
        assert numbers is not None
        assert header is not None
        numbers.setVisible(False)
        numbers.setDefaultSectionSize(22)
        header.setMinimumSectionSize(_NARROW)
        header.setHighlightSections(False)
        for column in Column:
            mode = QHeaderView.ResizeMode.Stretch if column is Column.NAME else QHeaderView.ResizeMode.Fixed
            header.setSectionResizeMode(column, mode)
            if column is not Column.NAME:
                view.setColumnWidth(column, 58 if column is Column.SHARE else _NARROW)
        for column in (Column.EYE, Column.COLOR, Column.PROBABILITY):
            view.setItemDelegateForColumn(column, SignDelegate(view))
        return view

    def _lay_out(self) -> None:
        self.search.setPlaceholderText("Search")
        self.search.setClearButtonEnabled(True)
        self.merge_button.setToolTip("Show the selected classes as one (the classes as learned are kept)")
        self.unmerge_button.setToolTip("Take the last merge of the selected group back")
        bar = QHBoxLayout()
        bar.setSpacing(4)
        bar.addWidget(self.search, 1)
        for button in (self.undo_button, self.redo_button, self.merge_button, self.unmerge_button):
            bar.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.suggestions)

    def _connect(self) -> None:
        self.search.textChanged.connect(self.rows.setFilterFixedString)
        self.undo_button.clicked.connect(self._decisions.undo)
        self.redo_button.clicked.connect(self._decisions.redo)
        self.merge_button.clicked.connect(self._merge)
        self.unmerge_button.clicked.connect(self._unmerge)
        self.view.clicked.connect(self._on_clicked)
        self._selection.selectionChanged.connect(lambda *_: self._update_buttons())
        self.table.renamed.connect(lambda i, name: self._edit(lambda c: c.rename(i, name)))
        self._decisions.changed.connect(self._on_shown)
        self._decisions.previewed.connect(self._on_shown)

    def _on_shown(self, class_map: ClassMap) -> None:
        selected = self.selected_ids()
        self.table.set_class_map(class_map)
        self.select(tuple(class_map.shown_id(i) for i in selected if i <= class_map.n_classes))
        self._update_buttons()

    def _on_clicked(self, index: QModelIndex) -> None:
        shown_id, column = index.data(ID_ROLE), Column(index.column())
        if column is Column.EYE:
            self._edit(lambda c: c.with_visible([shown_id], not c.is_visible(shown_id)))
        elif column is Column.COLOR:
            self._choose_color(shown_id)
        elif column is Column.PROBABILITY:
            self.set_with_probability(self._with_probability ^ {shown_id})
            self.probabilities_wanted.emit(self._with_probability)

    def _choose_color(self, shown_id: int) -> None:
        class_map = self._decisions.shown
        if class_map is not None:
            title = f"Colour of {class_map.name_of(shown_id)}"
            color = QColorDialog.getColor(QColor(class_map.color_of(shown_id)), self, title)
            if color.isValid():
                self._edit(lambda c: c.recolour(shown_id, color.name()))

    def _merge(self) -> None:
        ids = self.selected_ids()
        shares = self._usage or None
        self._edit(lambda c: c.merge(ids, shares=shares))

    def _unmerge(self) -> None:
        for shown_id in self.selected_ids():
            self._edit(lambda c, i=shown_id: c.unmerge(i) if len(c.members(i)) > 1 else c)  # type: ignore[misc]

    def _edit(self, change: Callable[[ClassMap], ClassMap]) -> None:
        class_map = self._decisions.shown  # whoever edits what is only previewed has decided for it
        if class_map is None:
            return
        try:
            self._decisions.do(change(class_map))
        except InputError as error:
            self._session.said.emit(str(error), True)

    def _update_buttons(self) -> None:
        history, ids = self._decisions.history, self.selected_ids()
        class_map = self._decisions.shown
        self.undo_button.setEnabled(bool(history and history.can_undo))
        self.redo_button.setEnabled(bool(history and history.can_redo))
        self.merge_button.setEnabled(len(ids) > 1)
        self.unmerge_button.setEnabled(class_map is not None and any(len(class_map.members(i)) > 1 for i in ids))

    def _show_shares_now(self) -> None:
        self.table.set_shares(self._usage)
