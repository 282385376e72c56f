"""Do what the tutorial says, in the real dock and word for word, and take its pictures.

    scripts/xvfb.sh .venv/bin/python docs/tutorial_pictures.py docs/images/tutorial --film docs/images/forming.gif

It stops at the first thing a reader could not do, says what that was, and exits with 1.  On a machine that is busy with
other work give it more minutes to learn than the dock proposes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from forming import Film
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from walkthrough.hand import Blocked, Hand
from walkthrough.room import Room

from napari_em_autoclass.core.phantom import make_phantom

_WIDTH = 1100  # of a picture, pixels
_MITOCHONDRIA = 3  # in the truth of the phantom


def main() -> int:
    """Follow the tutorial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--film", type=Path, help="GIF of the classes forming")
    parser.add_argument("--minutes", type=float, help="to train; default: what the dock proposes")
    options = parser.parse_args()
    out = options.out
    room = Room(truth=(make_phantom(mode="sstem").labels, _MITOCHONDRIA))
    hand = Hand(out)
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        try:
            open_sample_and_dock(room, hand)
            film = Film(room, hand)
            learn(room, hand, film, options.minutes)
            if options.film is not None:
                hand.note(film.write(options.film))
            name_a_class(room, hand)
            merge(room, hand)
            take_away(room, hand, Path(folder))
        except Blocked as error:
            print(f"blocked: {error}")
            code = 1
            hand.shot("blocked")
        for name in hand.shots:
            _make_small(out / f"{name}.jpg")
        print("\n".join(hand.steps), flush=True)
        os._exit(code)  # napari may wait for threads of a blocked walk


def open_sample_and_dock(room: Room, hand: Hand) -> None:
    """Sections 2 and 3."""
    hand.rest(1)
    hand.menu(room.menu_bar, "File", "Open Sample", "EM Autoclass", "Synthetic neuropil, like serial-section TEM")
    hand.wait(lambda: len(room.viewer.layers) == 1, 60, "the sample")
    hand.menu(room.menu_bar, "Plugins", "EM Autoclass")
    hand.wait(lambda: room.has_dock and room.dock.session.volume is not None, 30, "the dock, with the stack in it")
    hand.rest(3)
    hand.shot("1_opened")


def learn(room: Room, hand: Hand, film: Film, minutes: float | None) -> None:
    """Section 4."""
    sketched = []

    def first_sketch() -> None:
        if not sketched and room.class_at_centre() is not None:
            sketched.append(True)
            hand.shot("2_first_sketch")

    seconds = film.learn(minutes, first_sketch)
    hand.expect(sketched, "a first sketch is shown")
    hand.note(f"learned in {seconds:.0f} s")
    hand.shot("3_learned")


def name_a_class(room: Room, hand: Hand) -> None:
    """Section 5."""
    panel = room.dock.class_panel
    hand.click(room.canvas, room.spot_of(room.inside()), double=True)
    hand.rest(1.5)
    hand.expect(panel.selected_ids(), "a double-click in the picture selects a class")
    # Keys go where the clicks put the focus, nowhere else: that the text says enough of them is tried here.
    name = room.dock.decisions.class_map.name_of(panel.selected_ids()[0])
    hand.click(panel.view.viewport(), room.row_spot(panel, room.row_named(panel, name)))
    hand.key(Qt.Key.Key_S)
    hand.rest(1)
    hand.shot("4_one_class")
    hand.key(Qt.Key.Key_S)
    hand.key(Qt.Key.Key_R)
    hand.type("mitochondria")
    hand.key(Qt.Key.Key_Return)
    hand.expect("mitochondria" in room.names(), "the class has its name")


def merge(room: Room, hand: Hand) -> None:
    """Section 6."""
    panel = room.dock.class_panel
    before = len(room.names())
    slider = panel.suggestions.slider
    hand.drag(slider, room.handle_of(slider), QPoint(slider.width() * 3 // 4, slider.height() // 2))
    hand.wait(
        lambda: room.dock.decisions.is_previewing and not panel.suggestions.is_comparing, 240, "the suggested groups"
    )
    hand.rest(2)
    hand.click(panel.suggestions.apply_button)
    hand.rest(2)
    hand.expect(len(room.names()) < before, "classes were merged")
    hand.shot("5_merged")
    hand.click(panel.view.viewport(), room.row_spot(panel, room.row_named(panel, "mitochondria")))
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    hand.expect(len(room.names()) == before, "one undo takes them apart")
    redo = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    hand.key(Qt.Key.Key_Z, redo)
    hand.expect(len(room.names()) < before, "and they can be merged again")


def take_away(room: Room, hand: Hand, place: Path) -> None:
    """Section 7."""
    panel = room.dock.export_panel
    out = place / "classes.ome.zarr"
    hand.open_fold(room.fold_button("4  Take away"))
    hand.click(panel.export_button, then=hand.answer_file_dialog(out))
    seconds = hand.wait(lambda: out.exists() and not panel.cancel_button.isVisible(), 1800, "the class map")
    hand.note(f"whole stack written in {seconds:.0f} s")
    hand.click(panel.save_button, then=hand.answer_file_dialog(place / "saved-run"))
    hand.wait((place / "saved-run" / "run.json").exists, 30, "the run")
    hand.shot("6_taken_away")


def _make_small(path: Path) -> None:
    picture = Image.open(path)
    height = _WIDTH * picture.height // picture.width
    picture.resize((_WIDTH, height), Image.Resampling.LANCZOS).save(path, quality=78, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
