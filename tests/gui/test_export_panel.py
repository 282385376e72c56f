"""Taking the result away, in the background."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.class_statistics import statistics_of_map
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved
from napari_em_autoclass.core.run_lock import LOCK_NAME
from napari_em_autoclass.gui import export_panel
from napari_em_autoclass.gui.command_lines import Commands, Writing
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.export_panel import ExportPanel
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.wishes import Wishes


@pytest.fixture
def panel(qtbot: Any, session: Session, tmp_path: Path) -> ExportPanel:
    """Give the panel after a run that was stopped."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    (folder / "weights.safetensors").touch()
    decisions = Decisions(lambda history: None)
    decisions.begin(History.of(ClassMap.fresh(4)))
    made = ExportPanel(session, decisions)
    qtbot.addWidget(made)
    assert not made.export_button.isEnabled()
    session.start(Wishes(), folder)
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    session.stop()
    qtbot.waitUntil(lambda: session.state is RunState.IDLE, timeout=3000)
    yield made
    made.close_down()


def test_after_a_run_everything_can_be_taken_away(panel: ExportPanel) -> None:
    assert panel.export_button.isEnabled()
    assert panel.save_button.isEnabled()
    assert "run" in panel.place_label.text()


def test_while_learning_the_run_can_be_saved_and_the_rest_waits(
    qtbot: Any, panel: ExportPanel, session: Session, tmp_path: Path
) -> None:
    session.start(Wishes(), tmp_path / "other")
    qtbot.waitUntil(lambda: session.state is RunState.LEARNING, timeout=3000)
    assert not panel.save_button.isEnabled()
    panel.on_event(CheckpointSaved("run", 3, str(tmp_path)))
    assert panel.save_button.isEnabled()
    assert not panel.export_button.isEnabled()


def test_writing_shows_progress_and_says_where(
    qtbot: Any, panel: ExportPanel, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orders: list[Any] = []

    def fake(order: Any, report: Any) -> Path:
        orders.append(order)
        report(0.5)
        return order.path

    monkeypatch.setattr(export_panel, "export", fake)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "Written" in text, timeout=3000):
        panel.export_button.click()
    assert orders[0].path == tmp_path / "mine.ome.zarr"
    qtbot.waitUntil(panel.export_button.isEnabled, timeout=3000)


def test_cancel_ends_the_writing(
    qtbot: Any, panel: ExportPanel, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def endless(order: Any, report: Any) -> Path:
        while True:
            report(0.1)

    monkeypatch.setattr(export_panel, "export", endless)
    panel.write(tmp_path / "never.ome.zarr")
    assert not panel.export_button.isEnabled()
    assert panel.cancel_button.isEnabled()
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "Cancelled" in text, timeout=3000):
        panel.cancel_button.click()
    qtbot.waitUntil(panel.export_button.isEnabled, timeout=3000)


def test_a_failure_is_one_sentence(
    qtbot: Any, panel: ExportPanel, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(order: Any, report: Any) -> Path:
        raise InputError("the disk is full; choose another place")

    monkeypatch.setattr(export_panel, "export", full)
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "disk is full" in text):
        panel.write(tmp_path / "no.ome.zarr")
        qtbot.waitUntil(panel.export_button.isEnabled, timeout=3000)


def test_a_run_is_saved_as_a_copy_and_never_over_another(
    qtbot: Any, panel: ExportPanel, session: Session, tmp_path: Path
) -> None:
    (session.run_dir / LOCK_NAME).touch()
    panel.save_run(tmp_path / "copy")
    assert {at.name for at in (tmp_path / "copy").iterdir()} == {"run.json", "weights.safetensors"}
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "exists already" in text):
        panel.save_run(tmp_path / "copy")


def test_a_run_that_can_not_be_saved_leaves_nothing(
    qtbot: Any, panel: ExportPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: str, target: str, **_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", fail)
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "could not be saved" in text):
        panel.save_run(tmp_path / "copy")
    assert {at.name for at in tmp_path.iterdir()} == {"run"}


def test_the_commands_are_copied_as_chosen(
    panel: ExportPanel, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def lines(run_dir: Path, volume: Any, writing: Any) -> Commands:
        asked.append((run_dir, writing))
        return Commands("train it", "predict again", "predict now", "Copied.")

    monkeypatch.setattr(export_panel, "command_lines", lines)
    panel.merged_box.setChecked(True)
    panel.copy_action.trigger()
    assert QGuiApplication.clipboard().text() == "train it\npredict again\n"
    panel.format_box.setCurrentText("TIFF")
    panel.copy_predict_action.trigger()
    assert QGuiApplication.clipboard().text() == "predict now\n"
    assert asked == [
        (session.run_dir, Writing(True, False, ".ome.zarr")),
        (session.run_dir, Writing(True, False, ".ome.tif")),
    ]
    panel.format_box.setCurrentText("Table (CSV)")
    panel.copy_action.trigger()
    assert asked[-1][1].suffix == ".ome.zarr"


def test_of_a_damaged_run_nothing_is_copied(qtbot: Any, panel: ExportPanel, session: Session) -> None:
    before = QGuiApplication.clipboard().text()
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error and "schema" in text):
        panel.copy_action.trigger()
    assert QGuiApplication.clipboard().text() == before


def test_probabilities_are_for_zarr_only(panel: ExportPanel) -> None:
    panel.format_box.setCurrentText("TIFF")
    assert not panel.probabilities_box.isEnabled()


def test_the_part_learned_from_can_be_chosen_if_there_is_one(
    qtbot: Any, panel: ExportPanel, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orders: list[Any] = []
    monkeypatch.setattr(export_panel, "export", lambda order, report: orders.append(order) or order.path)
    assert panel.region_box.isHidden()
    (session.run_dir / "run.json").write_text(json.dumps({"settings": {"region": "0:3,0:8,0:9"}}))
    session.state_changed.emit(session.state)
    assert not panel.region_box.isHidden()
    for checked, region in ((True, "0:3,0:8,0:9"), (False, None)):
        panel.region_box.setChecked(checked)
        panel.write(tmp_path / "part.ome.zarr")
        qtbot.waitUntil(panel.export_button.isEnabled, timeout=3000)
        assert orders[-1].region == region


def test_the_list_of_classes_is_written_at_once_when_its_figures_are_known(
    qtbot: Any, panel: ExportPanel, fake_run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = panel._session
    assert not panel.table_button.isEnabled()
    panel.set_statistics(statistics_of_map(np.arange(48, dtype=np.uint8).reshape(3, 4, 4) % 4 + 1, 4, (50, 4, 4)))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "estimated" in text):
        panel.table_button.click()
    lines = (tmp_path / "mine.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("index,name,group,share")
    assert len(lines) == 5
    (tmp_path / "mine.csv").unlink()
    (tmp_path / "mine.csv").mkdir()
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error):
        panel.table_button.click()
    panel.on_event(fake_run().started())
    assert not panel.table_button.isEnabled()


def test_a_table_can_be_counted_over_the_whole_volume(
    qtbot: Any, panel: ExportPanel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orders: list[Any] = []
    monkeypatch.setattr(export_panel, "export", lambda order, report: orders.append(order) or order.path)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    panel.format_box.setCurrentText("Table (CSV)")
    panel.export_button.click()
    qtbot.waitUntil(panel.export_button.isEnabled, timeout=3000)
    assert orders[0].path == tmp_path / "mine.csv"


def test_the_bar_tells_the_time_left(qtbot: Any, panel: ExportPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    panel._since = 0.0
    monkeypatch.setattr(export_panel.time, "monotonic", lambda: 80.0)
    panel._on_progressed(0.5)
    assert panel.progress_bar.text() == "50 %  ·  1:20 left"
