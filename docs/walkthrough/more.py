"""What a user meets later: colours, filters, recipes side by side, paint, tables, films, 3D and a second dock."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QColorDialog,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QRadioButton,
)

from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.io.class_table import CLASS_COLUMNS
from walkthrough.hand import CTRL
from walkthrough.reach import bring_into_view, with_answer

if TYPE_CHECKING:
    from pathlib import Path

    from walkthrough.hand import Hand
    from walkthrough.room import Room

__all__ = [
    "choose_a_colour",
    "compare_recipes",
    "filter_the_list",
    "in_3d",
    "learn_from_a_film",
    "paint_to_teach",
    "second_dock",
    "take_a_table",
]

_KEY = Qt.Key
_PINK = "#ff4fd8"
_SECTIONS_IN_3D = 10
_COMPARED = ("Filters", "Entropy and balance")


def choose_a_colour(room: Room, hand: Hand, place: Path) -> None:
    """Click the colour of a class and choose another one; Undo brings the old one back."""
    panel, decisions = room.dock.class_panel, room.dock.decisions

    def answer() -> None:
        hand.wait(lambda: isinstance(QApplication.activeModalWidget(), QColorDialog), 10, "the colour dialog")
        dialog = QApplication.activeModalWidget()
        edits = (edit for edit in dialog.findChildren(QLineEdit) if edit.isVisible())
        field = next(edit for edit in edits if not isinstance(edit.parent(), QAbstractSpinBox))  # "HTML"
        hand.click(field, double=True)
        hand.key(_KEY.Key_A, CTRL, widget=field)
        hand.type(_PINK, field)
        hand.shot("28_colour_dialog")
        hand.key(_KEY.Key_Return, widget=field)

    before = decisions.class_map
    row = panel.rows.index(0, Column.COLOR)
    hand.click(panel.view.viewport(), panel.view.visualRect(row).center(), then=answer)
    hand.expect(decisions.class_map.color_of(decisions.class_map.rows()[0]) == _PINK, "the class has its new colour")
    hand.shot("29_coloured")
    hand.click(panel.undo_button)
    hand.expect(decisions.class_map == before, "undo brings the old colour back")


def filter_the_list(room: Room, hand: Hand, place: Path) -> None:
    """List only the classes that show, or those with a name; sort them by their share."""
    panel = room.dock.class_panel
    n_rows = panel.rows.rowCount()
    eye = panel.rows.index(1, Column.EYE)
    hand.click(panel.view.viewport(), panel.view.visualRect(eye).center())
    hand.choose(panel.more_button, "List", "Shown in the picture")
    hand.expect(panel.rows.rowCount() == n_rows - 1, "the class that is hidden is not listed")
    hand.choose(panel.more_button, "List", "Named")
    hand.expect(0 < panel.rows.rowCount() < n_rows, "only classes with a name are listed")
    hand.shot("30_named_only")
    hand.choose(panel.more_button, "List", "All")
    hand.key(_KEY.Key_Z, CTRL, widget=panel.view)
    header = panel.view.header()
    at = QPoint(header.sectionViewportPosition(Column.SHARE) + 20, header.height() // 2)
    hand.click(header.viewport(), at)
    hand.click(header.viewport(), at)
    shares = [panel.table.share_of(panel.rows.index(i, 0).data(ID_ROLE)) for i in range(n_rows)]
    hand.expect(shares in (sorted(shares), sorted(shares, reverse=True)), "the rows are sorted by their share")
    hand.shot("31_sorted_by_share")
    hand.click(header.viewport(), QPoint(header.sectionViewportPosition(Column.NAME) + 20, header.height() // 2))


def paint_to_teach(room: Room, hand: Hand, place: Path) -> None:
    """Paint some pixels of a mitochondrion and some of the rest, and let the dock find what is alike."""
    dock = room.dock
    inside = room.inside()
    hand.click(*room.row_in_layer_list(dock.layers.class_layer.name))
    hand.key(_KEY.Key_V, widget=room.canvas)
    hand.click(*room.row_in_layer_list(room.layer.name))
    hand.click(room.new_labels_button())
    painted = room.viewer.layers.selection.active
    hand.expect(painted.data.shape == room.layer.data.shape, "napari's new labels lie on the stack")
    hand.click(room.paint_mode_button())
    _stroke(room, hand, inside, (10, 14))
    hand.key(_KEY.Key_M, widget=room.canvas)
    z, height, width = (inside[0], *room.layer.data.shape[-2:])
    for y, x in ((height // 8, width // 8), (7 * height // 8, width // 2), (height // 2, 7 * width // 8)):
        _stroke(room, hand, (z, y, x), (20, 24))
    hand.expect(len(np.unique(painted.data[z])) == 3, "both kinds are painted")
    hand.open_fold(room.fold_button("Paint to teach"))
    bring_into_view(dock.teach_panel.button)
    hand.shot("32_painted")
    hand.click(dock.teach_panel.button)
    hand.wait(lambda: any(layer.name.startswith("found") for layer in room.viewer.layers), 300, "what was painted")
    hand.wait(lambda: not dock.teach_panel.figure.text(), 60, "the end of it")
    hand.shot("33_found")
    hand.close_fold(room.fold_button("Paint to teach"))
    for name in (painted.name, f"found · {painted.name}", dock.layers.class_layer.name):
        hand.click(*room.row_in_layer_list(name))
        hand.key(_KEY.Key_V, widget=room.canvas)
    hand.expect(dock.layers.class_layer.visible and not painted.visible, "the classes show, and the paint does not")


def compare_recipes(room: Room, hand: Hand, place: Path) -> None:
    """Tick two recipes, let each learn for some seconds, and look at the map of one of them."""
    panel = room.dock.comparison_panel
    hand.open_fold(room.fold_button("Compare recipes"))
    hand.click(panel.none_button)
    rows = [r for r in range(panel.table.rowCount()) if panel.table.item(r, 0).text() in _COMPARED]
    for row in rows:
        hand.click(panel.table.viewport(), room.tick_of(panel.table, row))
    hand.expect(len(panel.table.ticked()) == len(_COMPARED), "two recipes are ticked")
    hand.click(panel.seconds_box, double=True)
    hand.key(_KEY.Key_A, CTRL, widget=panel.seconds_box)
    hand.type("10", panel.seconds_box)
    hand.key(_KEY.Key_Return, widget=panel.seconds_box)
    hand.click(panel.start_button)
    hand.wait(lambda: panel.progress_bar.value() > 0, 120, "the first recipe")
    hand.shot("34_comparing")
    hand.wait(lambda: not room.dock.session.is_busy, 900, "both recipes")
    panel.table.scrollToItem(panel.table.item(rows[0], 1))
    item = panel.table.visualItemRect(panel.table.item(rows[0], 1))
    hand.click(panel.table.viewport(), item.center())
    hand.rest(1)
    title = panel.table.item(rows[0], 0).text()
    hand.expect(any(layer.name.startswith(title) for layer in room.viewer.layers), "the map of the recipe shows")
    hand.shot("35_compared")
    hand.key(_KEY.Key_V, widget=room.canvas)
    hand.close_fold(room.fold_button("Compare recipes"))


def take_a_table(room: Room, hand: Hand, place: Path) -> None:
    """Write the list of classes as a table: a row per class, with shares, volumes and neighbours."""
    panel = room.dock.export_panel
    hand.open_fold(room.fold_button("4  Take away"))
    hand.wait(panel.table_button.isEnabled, 240, "the figures of the classes")
    out = place / "classes.csv"
    hand.click(panel.table_button, then=hand.answer_file_dialog(out))
    hand.wait(out.exists, 20, "the table")
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    hand.expect(tuple(rows[0]) == CLASS_COLUMNS, "the table has its columns")
    class_map = room.dock.decisions.class_map
    hand.expect([int(row["index"]) for row in rows] == list(class_map.ids), "the table has a row per class")
    hand.expect("mitochondria" in {row["group"] or row["name"] for row in rows}, "the table has the names")
    shares = sum(float(row["share"]) for row in rows if row["share"])
    hand.expect(abs(shares - 1) < 0.01, "the shares of the classes make one")
    hand.shot("36_table")
    hand.close_fold(room.fold_button("4  Take away"))


def in_3d(room: Room, hand: Hand, place: Path) -> None:
    """Scroll through some sections, show one class alone, look at it in 3D, without the stack too, and come back."""
    panel, stack = room.dock.class_panel, room.layer
    onward = _KEY.Key_Right if room.section() < stack.data.shape[-3] // 2 else _KEY.Key_Left
    waits = []
    for _ in range(_SECTIONS_IN_3D):
        hand.key(onward, widget=room.canvas)
        waits.append(hand.wait(lambda: room.class_at_centre() is not None, 60, "the map of the next section"))
    hand.note(f"opened again, a run shows the map of another section after {sum(waits) / len(waits):.1f} s")
    hand.click(panel.view.viewport(), room.row_spot(panel, room.row_named(panel, "mitochondria")))
    hand.key(_KEY.Key_S, widget=panel.view)
    hand.click(room.ndisplay_button())
    hand.wait(lambda: room.viewer.dims.ndisplay == 3, 30, "3D")
    middle = room.canvas.rect().center()
    hand.drag(room.canvas, middle, middle + QPoint(60, -110), n=3)  # each move is drawn: seconds without a GPU
    hand.rest(2)
    hand.shot("37_in_3d")
    hand.click(*room.row_in_layer_list(stack.name))
    hand.key(_KEY.Key_V, widget=room.canvas)
    hand.rest(2)
    hand.shot("38_in_3d_alone")
    hand.key(_KEY.Key_V, widget=room.canvas)
    hand.expect(stack.visible, "the stack shows again")
    hand.click(room.ndisplay_button())
    hand.wait(lambda: room.viewer.dims.ndisplay == 2, 30, "2D")
    hand.key(_KEY.Key_S, widget=panel.view)
    hand.wait(lambda: room.class_at_centre() is not None, 60, "the map as before")


def learn_from_a_film(room: Room, hand: Hand, place: Path) -> None:
    """Delete all layers, drop a film of three time points; choose the one to learn from, see the classes on others."""
    film = place / "film.npy"
    first = np.asarray(room.layer.data[:8, :256, :256])
    np.save(film, np.stack([first, np.roll(first, 40, 2), np.roll(first, 80, 2)]))
    dock = room.dock
    size = dock.session.volume.voxel_size_nm  # of another one the sections might be too small for the tiles
    hand.click(*room.row_in_layer_list(room.layer.name))
    hand.key(_KEY.Key_A, CTRL, widget=room.layer_list)
    hand.click(room.delete_button())
    hand.expect(not room.viewer.layers, "all layers are gone")
    with_answer(lambda: hand.drop(room.canvas, film), lambda: _answer_which_reader(room, hand))
    hand.wait(lambda: "film" in room.viewer.layers, 60, "the film")
    hand.open_fold(room.fold_button("1  Stack"))
    hand.pick(dock.stack_panel.layer_box, "film")
    hand.wait(lambda: len(dock.stack_panel.leading) == 1, 10, "the choice of a time point")
    field = dock.stack_panel.size_field
    hand.click(field)
    hand.type(" ".join(f"{edge:g}" for edge in size), field)
    hand.key(_KEY.Key_Return, widget=field)
    hand.wait(lambda: dock.session.volume is not None, 10, "the voxel size")
    hand.open_fold(room.fold_button("1  Stack"))
    for button in room.notices():
        hand.click(button)
    hand.shot("39_film")
    _learn_a_little(room, hand)
    hand.open_fold(room.fold_button("1  Stack"))
    box = dock.stack_panel.leading_box.boxes[0]
    hand.click(box)
    learned_at = box.value()
    hand.key(_KEY.Key_Up if learned_at < box.maximum() else _KEY.Key_Down, widget=box)
    hand.expect(dock.stack_panel.leading != (learned_at,), "another time point is chosen")
    hand.wait(lambda: room.classes_on_screen() > 1, 60, "the classes on another time point")
    hand.shot("40_another_time_point")
    hand.close_fold(room.fold_button("1  Stack"))


def second_dock(room: Room, hand: Hand, place: Path) -> None:
    """Two docks in one viewer: each lists its own classes.

    napari's menu shows and hides the first dock; a second one is added from the console, by
    `viewer.window.add_dock_widget(AutoclassDock(viewer), name="second")`.
    """
    first = room.dock
    names = room.names()
    room.window.resize(room.window.width(), 1150)  # else the left side has no room for it below the list of layers
    second = AutoclassDock(room.viewer)
    room.viewer.window.add_dock_widget(second, name="second", area="left")
    hand.wait(lambda: len(room.docks) == 2, 20, "the second dock")
    other = next(d for d in room.docks if d is not first)
    hand.wait(lambda: other.session.volume is not None or other.stack_panel.candidates(), 20, "its stack")
    hand.rest(2)
    hand.shot("41_second_dock")
    hand.expect(room.names() == names, "the first dock lists its own classes")
    hand.expect(other.decisions.class_map is not first.decisions.class_map, "the docks share no classes")


def _answer_which_reader(room: Room, hand: Hand) -> None:
    """Take napari's own reader, where it asks: it keeps a film as it is.  The choice is not to be remembered."""

    def asked() -> bool:
        return isinstance(QApplication.activeModalWidget(), QDialog)

    hand.wait(lambda: asked() or "film" in room.viewer.layers, 20, "the question which reader to take")
    if asked():
        dialog = QApplication.activeModalWidget()
        hand.click(next(b for b in dialog.findChildren(QRadioButton) if "builtins" in b.text()))
        hand.click(dialog.findChild(QCheckBox), QPoint(8, dialog.findChild(QCheckBox).height() // 2))
        hand.click(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok))


def _learn_a_little(room: Room, hand: Hand) -> None:
    """Learn until there is a map, stop, and wait for the end."""
    panel = room.dock.training_panel
    hand.open_fold(room.fold_button("2  Learn"))
    hand.click(panel.learn_button)
    hand.wait(lambda: room.classes_on_screen() > 1, 120, "the first map")
    hand.wait(panel.stop_button.isEnabled, 60, "the button that stops")
    hand.wait(lambda: panel.progress_bar.value() > 100, 300, "some learning")
    hand.click(panel.stop_button)
    hand.wait(lambda: not room.dock.session.is_busy, 60, "the stop")


def _stroke(room: Room, hand: Hand, voxel: tuple[int, int, int], by: tuple[int, int]) -> None:
    """Paint from a voxel on, so many voxels down and right."""
    z, y, x = voxel
    dy, dx = by[0] // 2, by[1] // 2
    hand.drag(room.canvas, room.spot_of((z, y - dy, x - dx)), room.spot_of((z, y + dy, x + dx)))
