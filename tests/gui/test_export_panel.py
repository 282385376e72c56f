"""Taking the result away, in the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved
from napari_em_autoclass.gui import export_panel
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
    panel.save_run(tmp_path / "copy")
    assert (tmp_path / "copy" / "run.json").is_file()
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: error):
        panel.save_run(tmp_path / "copy")


def test_the_command_is_copied(panel: ExportPanel, session: Session) -> None:
    panel.copy_button.click()
    assert QGuiApplication.clipboard().text().startswith("em-autoclass predict")


def test_probabilities_are_for_zarr_only(panel: ExportPanel) -> None:
    panel.format_box.setCurrentText("TIFF")
    assert not panel.probabilities_box.isEnabled()
