"""The list of classes: show, colour, name, merge, split, undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QColor, QGuiApplication
from qtpy.QtWidgets import (
    QActionGroup,
    QColorDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qthrottled

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import now_shown
from napari_em_autoclass.core.events import UNCLEAR, Event, RunStarted, StepDone
from napari_em_autoclass.gui.class_actions import ClassActions
from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.class_details import ClassDetails, patches_by_id
from napari_em_autoclass.gui.class_edits import ClassEdits
from napari_em_autoclass.gui.class_rows import ClassRows, Only
from napari_em_autoclass.gui.class_selection import ClassSelection
from napari_em_autoclass.gui.class_table import ClassTable
from napari_em_autoclass.gui.class_view import make_class_view
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.glyphs import GlyphButton
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.suggestions import Suggestions
from napari_em_autoclass.gui.surveyor import Surveyor

if TYPE_CHECKING:
    from napari_em_autoclass.core.class_survey import Survey

__all__ = ["ClassPanel"]


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
        self.rows = ClassRows(self)
        self.rows.setSourceModel(self.table)
        self.view = make_class_view(self.rows)
        self.selection = ClassSelection(self.view, self.rows, self.table)
        self.search = QLineEdit()
        self.undo_button = GlyphButton("undo", "Undo")
        self.redo_button = GlyphButton("redo", "Redo")
        self.merge_button, self.unmerge_button = QToolButton(), QToolButton()
        self.split_button, self.more_button = QToolButton(), QToolButton()
        self.edits = ClassEdits(session, decisions, parent=self)
        self.actions_ = self._make_actions()
        self.suggestions = Suggestions(session, decisions)
        self.surveyor, self.details = Surveyor(session, decisions, parent=self), ClassDetails()
        self._survey: Survey | None = None
        self._lay_out()
        self._connect()
        self._show_shares = qthrottled(self._show_shares_now, timeout=500)
        self._update_buttons()

    def on_event(self, event: Event) -> None:
        """Follow a run."""
        if isinstance(event, RunStarted):
            self._usage, self._survey = (), None
            self.table.set_statistics(None)
            self.details.forget()
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
        class_map = self._decisions.shown
        # While the list takes up a decision, rows that are about to go may still be selected.
        return tuple(i for i in self.selection.ids if class_map is not None and i in class_map.ids)

    def select(self, shown_ids: tuple[int, ...]) -> None:
        """Select the rows of these classes and nothing else."""
        self.selection.select(shown_ids)

    def close_down(self) -> None:
        """Update nothing later."""
        self._show_shares.cancel()
        self.suggestions.close_down()
        self.edits.close_down()
        self.surveyor.close_down()

    def _lay_out(self) -> None:
        self.search.setPlaceholderText("Search")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(36)  # the buttons beside it must fit into a narrow dock
        self.merge_button.setText("Merge")
        self.unmerge_button.setText("Un-merge")
        self.merge_button.setToolTip("Show the selected classes as one (the classes as learned are kept)")
        self.unmerge_button.setToolTip(
            "Take the last merge of the selected group, or a split, back; of a class inside a group: take it out"
        )
        self.split_button.setText("Split ▾")
        self.split_button.setToolTip("Tell the selected class apart into 2 to 6 parts; all others stay as they are")
        self.split_button.setMenu(self.actions_.split_menu(self))
        self.more_button.setText("☰")
        self.more_button.setAccessibleName("More")
        self.more_button.setToolTip("All that can be done to classes, filters and keys")
        self.more_button.setMenu(self._make_menu())
        for menu_button in (self.split_button, self.more_button):
            menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # would lie on the word
        bar = QHBoxLayout()
        bar.setSpacing(4)
        bar.addWidget(self.search, 1)
        edits = (self.undo_button, self.redo_button, self.merge_button, self.unmerge_button)
        for button in (*edits, self.split_button, self.more_button):
            bar.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.details)
        layout.addWidget(self.suggestions)

    def _connect(self) -> None:
        self.search.textChanged.connect(self.rows.search)
        self.undo_button.clicked.connect(self._decisions.undo)
        self.redo_button.clicked.connect(self._decisions.redo)
        self.merge_button.clicked.connect(self._merge)
        self.unmerge_button.clicked.connect(self._unmerge)
        self.view.clicked.connect(self._on_clicked)
        self.selection.model.selectionChanged.connect(self._on_selected)
        self.surveyor.surveyed.connect(self._on_surveyed)
        self.surveyor.told.connect(self._on_told)
        self.view.customContextMenuRequested.connect(self._on_menu_wanted)
        self.edits.split_begun.connect(lambda _: self._update_buttons())
        self.suggestions.split_notice.split_wanted.connect(self.edits.split)
        self._session.state_changed.connect(self._update_buttons)
        self.table.renamed.connect(lambda i, name: self.edits.change(lambda c: c.rename(i, name)))
        self._decisions.changed.connect(self._on_shown)
        self._decisions.previewed.connect(self._on_shown)

    def pick(self, shown_id: int, place_zyx: tuple[int, int, int]) -> None:
        """Select a class, and show how probable each is at a voxel of it."""
        self.select((shown_id,))
        self.surveyor.ask(place_zyx)

    def _on_selected(self, *_: object) -> None:
        self._update_buttons()
        self._show_details()

    def _on_surveyed(self, survey: Survey) -> None:
        self._survey = survey
        self._usage = survey.statistics.shares()
        self.table.set_shares(self._usage)
        self.table.set_statistics(survey.statistics, patches_by_id(survey))
        self._show_details()

    def _on_told(self, probs: dict[int, float]) -> None:
        class_map = self._decisions.shown
        if class_map is not None:
            self.details.bars.show_probabilities(class_map, {i: p for i, p in probs.items() if i in class_map.ids})

    def _show_details(self) -> None:
        class_map = self._decisions.shown
        if class_map is not None and self._survey is not None:
            self.details.show_rows(class_map, self._survey, self.selected_ids())

    def _on_shown(self, class_map: ClassMap) -> None:
        selected = self.selected_ids()
        self.table.set_class_map(class_map)
        self.select(now_shown(class_map, selected))
        # A tree lays itself out a moment after rows went: the window would be put on the screen a second time for it.
        self.view.viewport().update()
        self._update_buttons()

    def _on_clicked(self, index: QModelIndex) -> None:
        shown_id, column = index.data(ID_ROLE), Column(index.column())
        if index.parent().isValid():
            return  # inside a group there is nothing to switch
        if column is Column.EYE:
            with_alt = QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.AltModifier
            (self.edits.solo if with_alt else self.edits.toggle_eyes)((shown_id,))
        elif column is Column.COLOR:
            self._choose_color(shown_id)
        elif column is Column.PROBABILITY:
            self._toggle_probability((shown_id,))

    def _choose_color(self, shown_id: int) -> None:
        class_map = self._decisions.shown
        if class_map is not None:
            title = f"Colour of {class_map.name_of(shown_id)}"
            color = QColorDialog.getColor(QColor(class_map.color_of(shown_id)), self, title)
            if color.isValid():
                self.edits.change(lambda c: c.recolour(shown_id, color.name()))

    def _toggle_probability(self, shown_ids: tuple[int, ...]) -> None:
        self.set_with_probability(self._with_probability ^ set(shown_ids))
        self.probabilities_wanted.emit(self._with_probability)

    def _merge(self) -> None:
        ids = self.selected_ids()
        shares = self._usage or None
        self.edits.change(lambda c: c.merge(ids, shares=shares))

    def _unmerge(self) -> None:
        inner = self.selection.inner_ids
        if inner:
            self.edits.take_out(inner)
        else:
            self.edits.take_apart(self.selected_ids())

    def _split(self, n_parts: int) -> None:
        for shown_id in self.selected_ids()[:1]:
            self.edits.split(shown_id, n_parts)

    def _rename(self) -> None:
        for index in self.selection.indexes[:1]:
            self.view.edit(index.parent().siblingAtColumn(Column.NAME) if index.parent().isValid() else index)

    def _make_actions(self) -> ClassActions:
        edits = self.edits
        do: dict[str, Callable[..., object]] = {
            "merge": self._merge,
            "take_apart": self._unmerge,
            "split": self._split,
            "rename": self._rename,
            "eye": lambda: edits.toggle_eyes(self.selected_ids()),
            "solo": lambda: edits.solo(self.selected_ids()),
            "lock": lambda: edits.toggle_locks(self.selected_ids()),
            "ignore": lambda: edits.toggle_ignored(self.selected_ids()),
            "probability": lambda: self._toggle_probability(self.selected_ids()),
            "unclear": lambda: self._toggle_probability((UNCLEAR,)),
            "next": lambda: self.selection.step(1),
            "previous": lambda: self.selection.step(-1),
            "undo": self._decisions.undo,
            "redo": self._decisions.redo,
        }
        return ClassActions(self, self.view, do)

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        self.actions_.fill(menu)
        menu.addSeparator()
        listed = menu.addMenu("List")
        choice = QActionGroup(menu)
        assert listed is not None
        for only in Only:
            action = choice.addAction(only.value)
            assert action is not None
            action.setCheckable(True)
            action.setChecked(only is self.rows.only)
            action.triggered.connect(lambda _=False, only=only: self.rows.set_only(only))
            listed.addAction(action)
        menu.addAction("Keys…", self.actions_.show_keys)
        return menu

    def _on_menu_wanted(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.actions_.fill(menu)
        viewport = self.view.viewport()
        if viewport is not None:
            menu.popup(viewport.mapToGlobal(at))

    def _update_buttons(self, _: object = None) -> None:
        history, ids = self._decisions.history, self.selected_ids()
        class_map = self._decisions.shown
        self.undo_button.setEnabled(bool(history and history.can_undo))
        self.redo_button.setEnabled(bool(history and history.can_redo))
        self.merge_button.setEnabled(len(ids) > 1)
        apart = class_map is not None and any(len(class_map.members(i)) > 1 or class_map.split_of(i) for i in ids)
        self.unmerge_button.setEnabled(apart)
        # While it learns, the embedding that parts are told apart in moves on.
        can_split = len(ids) == 1 and not self._session.is_busy and not self.edits.is_splitting
        self.split_button.setEnabled(can_split and self._session.run_dir is not None)
        self.actions_.enable(len(ids), apart, self.split_button.isEnabled())

    def _show_shares_now(self) -> None:
        self.table.set_shares(self._usage)
