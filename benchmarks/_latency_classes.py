"""The list of classes with K = 254 beside a class map of 2048 x 2048 x 100: how long each edit takes to be seen.

Edits are made as a user makes them, by mouse and keys on the real widgets, after a run that has ended: with shares,
volumes and patches known.  The run is played, not trained; the layers, the panel, the undo file are the real ones.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from _latency_stack import class_section, make_stack, repeated
from _latency_watch import LoopWatch, PaintWatch, percentiles, show_window, wait
from qtpy.QtCore import QItemSelectionModel, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_statistics import StatisticsCounter
from napari_em_autoclass.core.class_survey import Survey
from napari_em_autoclass.core.events import Event, RunEnded, RunStarted, SnapshotTaken, StepDone, ViewRequest
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.layers import add_volume
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.wishes import RunOrder, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

K = 254
N_SECTIONS = 100
_SETTLE_MS = 700.0  # the decisions are saved 250 ms after the last


class PlayedRun:
    """A run that shows a class map of every section and ends."""

    run_id = "played"

    def __init__(self, order: RunOrder) -> None:
        self.settings = settings = settings_of(order.wishes)
        self.view: ViewRequest | None = None
        self.is_paused = False
        small = make_small(order)
        RunFolder.create(order.run_dir, settings, small, working_volume(small, settings).normalisation)
        self.shape = order.volume.shape_zyx

    def stop(self) -> None:
        """End by itself soon."""

    def events(self) -> Generator[Event, None, None]:
        """Show all sections, the one in view last."""
        _, height, width = self.shape
        yield RunStarted(self.run_id, K, "cpu", "", (50.0, 4.0, 4.0), (8.0, 8.0), self.shape)
        yield StepDone(self.run_id, 1, 1.0, 1.0, (("forecast", 1.0),), 1.0, 250.0, (1 / K,) * K)
        sure = np.full((height, width), 200, np.uint8)
        shown = self.view.z if self.view else 0
        for z in (*(i for i in range(N_SECTIONS) if i != shown), shown):
            view = ViewRequest(z, 0, height, 0, width, serial=self.view.serial if self.view else 0)
            yield SnapshotTaken(self.run_id, 1, "done", view, class_section(z, K), sure)
            time.sleep(0.02)
        yield RunEnded(self.run_id, 1, "finished", "")


def make_small(order: RunOrder) -> Any:
    """Return the first sections of the stack, which are enough for a run folder."""
    from napari_em_autoclass.core.volume import Volume

    return Volume(np.asarray(order.volume.data[:4, :256, :256]), order.volume.voxel_size_nm, "small")


def measure_classes(repeats: int) -> dict[str, Any]:
    """Return for each kind of edit how long it takes to the next picture, and the worst delay in the time after."""
    viewer = napari.Viewer()
    dock = AutoclassDock(viewer, Session(PlayedRun))
    viewer.window.add_dock_widget(dock, name="EM Autoclass", area="right")
    dock.stack_panel.choose(add_volume(viewer, repeated(make_stack(), N_SECTIONS)))
    dock.training_panel.classes_box.setValue(K)
    show_window(viewer)
    with tempfile.TemporaryDirectory() as folder:
        dock.session.start(dock.training_panel.wishes, Path(folder) / "run")
        wait(120_000, lambda: dock.session.state is RunState.IDLE and dock.decisions.class_map is not None)
        assert dock.layers.class_layer is not None
        assert np.asarray(dock.layers.class_layer.data[int(viewer.dims.current_step[0])]).all()
        dock.class_panel.surveyor.surveyed.emit(_survey())
        wait(1500)
        edits = Edits(dock, PaintWatch(viewer, dock.class_panel.view.viewport()))
        for _ in range(repeats):
            edits.all_kinds()
        n_decided = len(dock.decisions.history.past) if dock.decisions.history else 0
        dock.close_down()
        viewer.close()
        wait(500)
    took = {name: percentiles(wall for wall, _, _ in found) for name, found in edits.found.items()}
    every = [wall for found in edits.found.values() for wall, _, _ in found]
    cpu = {name: round(float(np.median([c for _, c, _ in found])), 1) for name, found in edits.found.items()}
    after = {name: round(max(late for _, _, late in found), 1) for name, found in edits.found.items()}
    return {
        "scenario": "254 classes",
        "all_ms": percentiles(every),
        "edits_ms": took,
        "edits_cpu_p50_ms": cpu,
        "worst_delay_after_ms": after,
        "decisions": n_decided,
    }


class Edits:
    """Does each kind of edit once, by mouse and keys, and notes (ms to its picture, processor ms, worst ms after)."""

    def __init__(self, dock: AutoclassDock, painted: PaintWatch) -> None:
        self.found: dict[str, list[tuple[float, float, float]]] = {}
        self._dock, self._panel, self._painted = dock, dock.class_panel, painted
        self._round = 0

    def all_kinds(self) -> None:
        """Go through all of them; at the end the classes are as at the beginning, but for names and colours."""
        panel, first = self._panel, 3 * self._round
        self._round += 1
        self._do("hide one", lambda: self._click(first, Column.EYE))
        self._do("show one", lambda: self._click(first, Column.EYE))
        self._select(first, 1)
        self._do("solo", lambda: QTest.keyClick(panel.view, Qt.Key.Key_S))
        self._do("solo off", lambda: QTest.keyClick(panel.view, Qt.Key.Key_S))
        self._select(first, 2)
        self._do("merge 2", panel.merge_button.click)
        self._do("un-merge 2", panel.unmerge_button.click)
        self._select(first, 20)
        self._do("merge 20", panel.merge_button.click)
        self._do("undo", lambda: QTest.keyClick(panel.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier))
        shifted = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        self._do("redo", lambda: QTest.keyClick(panel.view, Qt.Key.Key_Z, shifted))
        self._do("un-merge 20", panel.unmerge_button.click)
        self._rename(first)
        shown_id = panel.rows.index(first, Column.NAME).data(ID_ROLE)
        color = f"#{40 + self._round:02x}80c0"
        self._do("recolour", lambda: panel.edits.change(lambda c: c.recolour(shown_id, color)))
        self._do("lock", lambda: QTest.keyClick(panel.view, Qt.Key.Key_L), wants_canvas=False)
        self._do("unlock", lambda: QTest.keyClick(panel.view, Qt.Key.Key_L), wants_canvas=False)
        header = panel.view.header()
        at = QPoint(header.sectionViewportPosition(Column.SHARE) + 10, header.height() // 2)
        click = Qt.MouseButton.LeftButton
        self._do("sort", lambda: QTest.mouseClick(header.viewport(), click, pos=at), wants_canvas=False)
        panel.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        panel.search.setText("class ")
        wait(200)
        self._do("search, a letter", lambda: QTest.keyClicks(panel.search, "2"), wants_canvas=False)
        self._do("search off", panel.search.clear, wants_canvas=False)
        self._select(first + 1, 1)
        self._do("next row", lambda: QTest.keyClick(panel.view, Qt.Key.Key_J), wants_canvas=False)

    def _do(self, name: str, action: Callable[[], object], *, wants_canvas: bool = True) -> None:
        took = self._painted.took(action, wants_canvas=wants_canvas, wants_list=True)
        watch = LoopWatch()
        watch.start()
        wait(_SETTLE_MS)
        self.found.setdefault(name, []).append((*took, max(watch.stop(), default=0.0)))

    def _click(self, row: int, column: Column) -> None:
        view = self._panel.view
        view.scrollTo(view.model().index(row, column))
        at = view.visualRect(view.model().index(row, column)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)

    def _select(self, first: int, n: int) -> None:
        view = self._panel.view
        view.scrollTo(view.model().index(first, Column.NAME))
        view.clearSelection()
        how = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in range(first, first + n):
            view.selectionModel().select(view.model().index(row, Column.NAME), how)
        view.setFocus()
        wait(300)

    def _rename(self, row: int) -> None:
        view = self._panel.view
        view.edit(view.model().index(row, Column.NAME))
        editor = next(e for e in view.findChildren(QLineEdit) if e.isVisible())
        editor.setText(f"organelle {self._round}")
        wait(200)
        self._do("rename", lambda: QTest.keyClick(editor, Qt.Key.Key_Return), wants_canvas=False)


def _survey() -> Survey:
    """Return statistics as after a run, from one section of the map."""
    counter = StatisticsCounter(K, (N_SECTIONS, 2048, 2048), (50.0, 4.0, 4.0))
    counter.add(0, class_section(0, K)[None, :1024, :1024], np.full((1024, 1024), 0.5))
    return Survey(counter.done(), (), ())
