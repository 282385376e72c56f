"""What a user meets later: colours, 3D and paint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QColorDialog, QLineEdit

from napari_em_autoclass.gui.class_columns import Column
from walkthrough.hand import CTRL
from walkthrough.reach import bring_into_view

if TYPE_CHECKING:
    from pathlib import Path

    from walkthrough.hand import Hand
    from walkthrough.room import Room

__all__ = [
    "choose_a_colour",
    "in_3d",
    "paint_to_teach",
]

_KEY = Qt.Key
_ORANGE = "#ff8800"


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
        hand.type(_ORANGE, field)
        hand.shot("28_colour_dialog")
        hand.key(_KEY.Key_Return, widget=field)

    before = decisions.class_map
    row = panel.rows.index(0, Column.COLOR)
    hand.click(panel.view.viewport(), panel.view.visualRect(row).center(), then=answer)
    hand.expect(decisions.class_map.color_of(decisions.class_map.rows()[0]) == _ORANGE, "the class has its new colour")
    hand.shot("29_coloured")
    hand.click(panel.undo_button)
    hand.expect(decisions.class_map == before, "undo brings the old colour back")


def paint_to_teach(room: Room, hand: Hand, place: Path) -> None:
    """Paint some pixels of a mitochondrion and some of the rest, and let the dock find what is alike."""
    dock = room.dock
    inside = room.inside()
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
    for name in (painted.name, f"found · {painted.name}"):
        hand.click(*room.row_in_layer_list(name))
        hand.key(_KEY.Key_V, widget=room.canvas)
    hand.expect(not painted.visible, "the paint is hidden")


def in_3d(room: Room, hand: Hand, place: Path) -> None:
    """Show stack and classes in 3D, solo a class, and come back."""
    panel = room.dock.class_panel
    hand.click(panel.view.viewport(), room.row_spot(panel, 0))
    hand.key(_KEY.Key_S, widget=panel.view)
    hand.click(room.ndisplay_button())
    hand.wait(lambda: room.viewer.dims.ndisplay == 3, 30, "3D")
    hand.rest(3)
    hand.shot("37_in_3d")
    hand.click(room.ndisplay_button())
    hand.wait(lambda: room.viewer.dims.ndisplay == 2, 30, "2D")
    hand.key(_KEY.Key_S, widget=panel.view)
    hand.wait(lambda: room.class_at_centre() is not None, 60, "the map as before")


def _stroke(room: Room, hand: Hand, voxel: tuple[int, int, int], by: tuple[int, int]) -> None:
    """Paint from a voxel on, so many voxels down and right."""
    z, y, x = voxel
    dy, dx = by[0] // 2, by[1] // 2
    hand.drag(room.canvas, room.spot_of((z, y - dy, x - dx)), room.spot_of((z, y + dy, x + dx)))
