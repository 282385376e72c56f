"""Walk through the dock with mouse and keys, as a user would, and leave pictures of every state.

    scripts/xvfb.sh .venv/bin/python docs/walkthrough                       # the sample; pictures into docs/images/walk
    scripts/xvfb.sh .venv/bin/python docs/walkthrough --short               # only from the sample to an exported map
    scripts/xvfb.sh .venv/bin/python docs/walkthrough stack.ome.tif --out /tmp/walk

It stops at the first thing a user could not do, says what that was, and exits with 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from walkthrough.chapters import CHAPTERS
from walkthrough.hand import Blocked, Hand
from walkthrough.page import remember, write_page, write_short
from walkthrough.room import Room
from walkthrough.short import short_way

_PICTURES = Path(__file__).resolve().parent.parent / "images" / "walk"


def main() -> int:
    """Walk, and print what was done, measured and counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", type=Path, nargs="?", help="a file; without it the sample")
    parser.add_argument("--labels", type=Path, help="truth of the stack, to find a mitochondrion to click on")
    parser.add_argument("--mitochondria", type=int, default=3, help="their id in the truth")
    parser.add_argument("--short", action="store_true", help="only the shortest way to an exported map")
    parser.add_argument("--chapters", nargs="*", help="only these, by name")
    parser.add_argument("--patience", type=float, default=1.0, help="times as long to wait, on a busy machine")
    parser.add_argument("--out", type=Path, default=_PICTURES, help="where the pictures go")
    options = parser.parse_args()
    is_whole = options.stack is None and not (options.short or options.chapters)
    if is_whole and options.out == _PICTURES and (code := _walk_the_short_way(options)):
        return code
    room = Room(file=options.stack, truth=_truth(options))
    hand = Hand(options.out, options.patience)
    hand.rest(1)
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder  # runs and dialogs leave nothing behind
        try:
            if options.short:
                steps = short_way(room, hand, Path(folder) / "classes.ome.zarr")
                write_short(options.out / "short.md", steps, hand.clicks)
                print("\n".join(steps))
            chosen = [c for c in CHAPTERS if not options.chapters or c.__name__ in options.chapters]
            for chapter in () if options.short else chosen:
                before, said = len(hand.shots), len(hand.steps)
                chapter(room, hand, Path(folder))
                if options.stack is None:
                    remember(options.out, chapter, hand.shots[before:], hand.steps[said:])
                print(f"{chapter.__name__}: done", flush=True)
        except Blocked as error:
            print(f"blocked: {error}")
            code = 1
        except Exception:  # shown with the picture of what a user would see then
            traceback.print_exc()
            code = 1
        if code:
            hand.shot("blocked")
        if options.stack is None and not options.short and options.out == _PICTURES:
            write_page(_PICTURES.parent.parent / "walk.md", CHAPTERS)
        print("\n".join(hand.steps))
        print(f"{hand.clicks} clicks")
        sys.stdout.flush()
        os._exit(code)  # napari may wait for threads of a blocked walk


def _walk_the_short_way(options: argparse.Namespace) -> int:
    """Take it in a process of its own, from an empty viewer; its steps go to the pictures, its pictures nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        rest = ("--short", "--patience", str(options.patience), "--out", folder)
        done = subprocess.run((sys.executable, str(Path(__file__).parent), *rest), check=False)
        if done.returncode == 0:
            shutil.copy(Path(folder) / "short.md", options.out / "short.md")
    return done.returncode


def _truth(options: argparse.Namespace) -> tuple[object, int] | None:
    from napari_em_autoclass.core.phantom import make_phantom
    from napari_em_autoclass.io import open_volume

    if options.labels is not None:
        return open_volume(options.labels).data, options.mitochondria
    if options.stack is None:
        return make_phantom(mode="sstem").labels, options.mitochondria
    return None


if __name__ == "__main__":
    sys.exit(main())
