"""The shortest way of a new user: from "open sample" to "named mitochondria, exported", click by click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

from walkthrough.hand import Blocked, Hand

if TYPE_CHECKING:
    from pathlib import Path

    from walkthrough.room import Room

__all__ = ["short_way"]


def short_way(room: Room, hand: Hand, out: Path) -> list[str]:
    """Take the way, and return its steps in words; the class map is written to `out`.

    Raises
    ------
    Blocked
        If something stands in the way.
    """
    steps: list[str] = []

    def step(words: str) -> None:
        steps.append(f"{words} (clicks so far: {hand.clicks})")

    hand.menu(room.menu_bar, "Plugins", "EM Autoclass")
    hand.wait(lambda: room.has_dock, 20, "the dock")
    step("Plugins > EM Autoclass opens the dock")
    hand.choose(room.dock.stack_panel.open_button, "Sample")
    hand.wait(lambda: room.dock.session.volume is not None, 60, "the sample")
    step("Open > Sample in the dock; it says: press Learn")
    hand.shot("short_1_opened")
    hand.click(room.dock.training_panel.learn_button)
    seconds = hand.wait(lambda: room.class_at_centre() is not None, 60, "the first map")
    step(f"Learn; the first map shows after {seconds:.1f} s, the rest is waiting")
    hand.wait(lambda: not room.dock.session.is_busy, 900, "the end of learning")
    hand.rest(6)
    hand.shot("short_2_learned")
    hand.click(room.canvas, room.spot_of(room.inside()), double=True)
    hand.rest(1)
    if not room.dock.class_panel.selected_ids():
        raise Blocked("the double-click in a mitochondrion selected no class")
    step("double-click a mitochondrion in the picture: its class is selected in the list")
    hand.shot("short_3_selected")
    hand.key(Qt.Key.Key_R, widget=room.dock.class_panel.view)
    hand.type("mitochondria")
    hand.key(Qt.Key.Key_Return)
    step("press R, type mitochondria, press Enter")
    hand.click(room.fold_button("4  Take away"))
    step("unfold Take away")
    hand.click(room.dock.export_panel.export_button, then=hand.answer_file_dialog(out))
    step("Classify whole volume…; type a name and press Enter in the dialog")
    hand.wait(lambda: out.exists() and not room.dock.export_panel.cancel_button.isVisible(), 900, "the class map")
    hand.shot("short_4_exported")
    if "mitochondria" not in room.names():
        raise Blocked("no class is named mitochondria")
    step(f"done: {out.name} holds the classes, one is named mitochondria")
    return steps
