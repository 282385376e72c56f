"""The window that `kills.py` kills: it learns STACK into RUN for some steps, or goes on, and names classes meanwhile.

    xvfb-run -a python benchmarks/_kills_dock.py STACK RUN STEPS OPTIONS...

After each name that was saved its number is added to RUN.said; the process ends with the run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import napari
from qtpy.QtCore import QTimer

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import Event, RunEnded
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe, recipe_names
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.layers import add_volume
from napari_em_autoclass.gui.opened_run import read_run
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.wishes import RunOrder, Wishes
from napari_em_autoclass.io.readers import open_volume

if TYPE_CHECKING:
    from napari_em_autoclass.gui.decisions import Decisions

_NAME_EVERY_MS = 100


def main(stack: Path, run: Path, assignments: list[str]) -> None:
    """Open the window and learn until the end of the run."""
    settings = load_recipe(recipe_names()[0])
    for assignment in assignments:
        settings = apply_setting(settings, assignment)
    viewer = napari.Viewer()
    dock = AutoclassDock(viewer, Session(open_run=lambda order: _trainer(order, settings)))
    viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
    dock.stack_panel.choose(add_volume(viewer, open_volume(stack)))
    wishes = Wishes(n_classes=settings.n_classes, advanced=settings, seconds=1e6)
    is_old = (run / "run.json").exists() and RunFolder.open(run).has_weights
    if is_old:  # as `gui.reopen` does
        opened = read_run(run)
        dock.decisions.begin(opened.history)
        dock.session.take_up(run, wishes)
        for event in opened.events:
            dock.session.happened.emit(event)
    naming = QTimer()
    naming.timeout.connect(lambda: _name_a_class(dock.decisions, run))
    naming.start(_NAME_EVERY_MS)
    dock.session.happened.connect(lambda event: _end(dock, event))
    dock.session.start(wishes, None if is_old else run)
    napari.run()


def _trainer(order: RunOrder, settings: RunSettings) -> Trainer:
    resumes = (order.run_dir / "run.json").exists()
    return Trainer(order.volume, settings, run_dir=order.run_dir, resume=resumes)


def _name_a_class(decisions: Decisions, run: Path) -> None:
    if decisions.class_map is None or not (run / "run.json").exists():
        return
    names = [name for name in decisions.class_map.names if name.startswith("name-")]
    number = max((int(name.split("-")[1]) for name in names), default=0) + 1
    decisions.do(decisions.class_map.rename(number % decisions.class_map.n_classes + 1, f"name-{number}"))
    decisions.save_now()
    with run.with_suffix(".said").open("a") as said:
        said.write(f"{number}\n")


def _end(dock: AutoclassDock, event: Event) -> None:
    if isinstance(event, RunEnded):
        dock.close_down()
        # The worker is at its last line: only its clean-up is left, and it needs no window.
        QTimer.singleShot(2000, lambda: os._exit(0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
