"""Film classes forming in the real dock: an animated GIF for README and tutorial.

    scripts/xvfb.sh .venv/bin/python docs/forming.py docs/images/forming.gif

napari opens with the sample, *Learn* is clicked, and the window is photographed each time that the picture has changed.
The frames are spread over the training, and made as small as it takes to stay below 2 MB.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from walkthrough.hand import Hand
from walkthrough.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_WIDTHS = (760, 700, 640, 580, 520)
_COLORS = 160
_LIMIT_BYTES = 1_900_000
_FRAME_MS, _LAST_MS = 450, 3000
_CHANGED = 0.002  # share of pixels; less is a clock or a cursor


def main() -> int:
    """Film, and write the GIF."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, help="to train; default: what the dock proposes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder  # the run goes with it
        room, hand = Room(1180, 700), Hand(None)
        hand.menu(room.menu_bar, "Plugins", "EM Autoclass")
        hand.wait(lambda: room.has_dock, 30, "the dock")
        hand.choose(room.dock.stack_panel.open_button, "Sample")
        hand.wait(lambda: room.dock.session.volume is not None, 120, "the sample")
        hand.rest(2)
        film = Film(room, hand)
        film.learn(options.minutes)
        print(film.write(options.out), flush=True)
        os._exit(0)  # napari may wait for threads


class Film:
    """The window of `room`, photographed each time that the map on it has changed."""

    def __init__(self, room: Room, hand: Hand) -> None:
        self._room, self._hand = room, hand
        self._taken: list[NDArray[np.uint8]] = []
        self._before = np.zeros(0, np.uint8)

    def learn(self, minutes: float | None = None, watch: Callable[[], None] = lambda: None) -> float:
        """Press Learn, wait for the end, calling `watch` now and then, and return the seconds that took."""
        panel = self._room.dock.training_panel
        if minutes is not None:
            panel.minutes_box.setValue(minutes)
        self._shoot()
        self._hand.click(panel.learn_button)
        since = time.monotonic()
        while self._room.dock.session.is_busy:
            self._hand.rest(0.5)
            self.look()
            watch()
        seconds = time.monotonic() - since
        self._hand.rest(6)
        self._shoot()
        return seconds

    def look(self) -> None:
        """Photograph the window if another map is on it."""
        layer = self._room.dock.layers.class_layer
        if layer is None:
            return
        shown = np.asarray(layer.data[self._room.section()])
        if shown.any() and (shown.shape != self._before.shape or np.mean(shown != self._before) > _CHANGED):
            self._before = shown.copy()
            self._shoot()

    def write(self, out: Path, n_frames: int = 16) -> str:
        """Write the GIF, and return a sentence about it."""
        frames = [Image.fromarray(self._taken[i]) for i in _spread(len(self._taken), n_frames)]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(_gif(frames))
        return f"{len(frames)} of {len(self._taken)} frames, {out.stat().st_size / 1e6:.2f} MB"

    def _shoot(self) -> None:
        self._taken.append(self._room.viewer.screenshot(canvas_only=False, flash=False)[..., :3])


def _spread(n: int, wanted: int) -> list[int]:
    """Return which of `n` frames to keep: the early ones, when most happens, more densely than the late ones."""
    if n <= wanted:
        return list(range(n))
    return sorted({round((n - 1) * (i / (wanted - 1)) ** 1.6) for i in range(wanted)})


def _gif(frames: list[Image.Image]) -> bytes:
    for width in _WIDTHS:
        size = (width, width * frames[0].height // frames[0].width)
        small = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
        # One palette for all, else the colour of a class would flicker.
        ends = Image.fromarray(np.concatenate([np.asarray(small[0]), np.asarray(small[-1])]))
        palette = ends.quantize(_COLORS, Image.Quantize.MEDIANCUT)
        indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in small]
        times = [_FRAME_MS] * (len(indexed) - 1) + [_LAST_MS]
        written = io.BytesIO()
        indexed[0].save(written, "GIF", save_all=True, append_images=indexed[1:], duration=times, loop=0, optimize=True)
        if written.tell() <= _LIMIT_BYTES:
            break
    return written.getvalue()


if __name__ == "__main__":
    sys.exit(main())
