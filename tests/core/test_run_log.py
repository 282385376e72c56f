"""What is written down of each step, and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.events import QualityMeasured, SettingsChanged, StepDone
from napari_em_autoclass.core.run_log import RunLog, changed_settings, logged_events
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def append_log(self, rows: list[dict[str, Any]]) -> None:
        with (self.path / "log.jsonl").open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def done(step: int) -> StepDone:
    return StepDone("r", step, step / 100, float(step), (("balance", 0.1 * step),), 1.0, 3.5, (0.5, 0.5), 0.2)


@pytest.fixture(scope="module")
def settings() -> RunSettings:
    return load_recipe("neighbour-forecast")


def test_a_log_is_read_back_as_the_curves_that_were_drawn(tmp_path: Path, settings: RunSettings) -> None:
    log = RunLog(Folder(tmp_path), settings)  # type: ignore[arg-type]
    heavier = apply_setting(settings, "terms.balance.weight=2.5")
    assert log.add(done(1), settings) == (done(1),)
    assert log.add(done(2), heavier) == (SettingsChanged("r", 2, (("terms.balance.weight", 2.5),)), done(2))
    log.note(QualityMeasured("r", 2, 0.31))
    log.write()
    assert len(log) == 0
    log.note(QualityMeasured("r", 2, 0.9))  # too late, and no row of its own: there is one row a step
    assert log.add(done(3), heavier) == (done(3),)
    log.write()
    assert [event for event in logged_events(tmp_path, "r") if not isinstance(event, StepDone)] == [
        SettingsChanged("r", 2, (("terms.balance.weight", 2.5),)),
        QualityMeasured("r", 2, 0.31),
    ]
    steps = [event for event in logged_events(tmp_path) if isinstance(event, StepDone)]
    assert [(event.step, event.terms, event.skill) for event in steps] == [(i, done(i).terms, 0.2) for i in (1, 2, 3)]


def test_without_a_folder_nothing_is_written(settings: RunSettings) -> None:
    log = RunLog(None, settings)
    log.add(done(1), settings)
    log.write()
    assert len(log) == 0


def test_a_log_that_is_not_there_or_was_cut_short_is_no_error(tmp_path: Path) -> None:
    assert logged_events(tmp_path) == []
    row = json.dumps({**done(1).log_row()})
    (tmp_path / "log.jsonl").write_text(f"{row}\n{{}}\n[1]\n{row[:20]}")
    assert [event.step for event in logged_events(tmp_path) if isinstance(event, StepDone)] == [1]


def test_a_long_log_is_thinned_out_but_keeps_what_happens_seldom(tmp_path: Path) -> None:
    rows = [done(step).log_row() for step in range(5000)]
    rows[1234]["csev"], rows[2345]["changed"] = 0.4, {"views.noise": 0.0}
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    events = logged_events(tmp_path)
    assert QualityMeasured("", 1234, 0.4) in events
    assert SettingsChanged("", 2345, (("views.noise", 0.0),)) in events
    assert 900 < len(events) < 1100
    assert max(event.step for event in events if isinstance(event, StepDone)) == 4999


@pytest.mark.parametrize(
    ("assignment", "changes"),
    [
        ("terms.balance.weight=0.5", {"terms.balance.weight": 0.5}),
        ("views.noise=0", {"views.noise": 0.0}),
        ("training.learning_rate=0.001", {"training.learning_rate": 0.001}),
        ("training.seconds=9", {}),  # it was told to go on, which says nothing about how it learns
        ("seed=3", {}),
    ],
)
def test_changes_are_named_by_path(settings: RunSettings, assignment: str, changes: dict[str, Any]) -> None:
    assert changed_settings(settings, apply_setting(settings, assignment)) == changes
    assert changed_settings(settings, settings) == {}


def test_a_term_that_came_or_went_is_a_change(settings: RunSettings) -> None:
    fewer = settings.replace(terms=settings.terms[:-1])
    gone = settings.terms[-1].kind
    assert changed_settings(settings, fewer)[f"terms.{gone}.weight"] is None
    assert changed_settings(fewer, settings)[f"terms.{gone}.weight"] == settings.terms[-1].weight
