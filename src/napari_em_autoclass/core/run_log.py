"""What a run writes down of each step, and how its curves are read back.

One line per step.  What does not happen at every step stands in the line of the step it belongs to: ``csev``, the
quality measured after it, and ``changed``, the settings that were changed before it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.events import Event, QualityMeasured, SettingsChanged, StepDone
from napari_em_autoclass.core.limits import lines_of, parsed_json

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["RunLog", "changed_settings", "logged_events"]

# They change whenever a run goes on, and say nothing about how it learns.
_PASSED_OVER: Final = frozenset(
    f"training.{name}" for name in ("seconds", "steps", "threads", "snapshot_every_s", "checkpoint_every_s")
)
_MOST_ROWS: Final = 1000


class RunLog:
    """Rows that wait until they are written, with the next checkpoint.

    Parameters
    ----------
    folder : of the run; None writes nothing
    settings : with which the run began, or was saved last
    """

    def __init__(self, folder: RunFolder | None, settings: RunSettings) -> None:
        self._folder, self._settings = folder, settings
        self._rows: list[dict[str, Any]] = []

    def __len__(self) -> int:
        """Return how many rows wait."""
        return len(self._rows)

    def add(self, done: StepDone, settings: RunSettings) -> tuple[Event, ...]:
        """Take up a step that was done with `settings`; return it, after what changed before it if anything did."""
        row, changed = done.log_row(), changed_settings(self._settings, settings)
        self._settings = settings
        self._rows.append({**row, "changed": changed} if changed else row)
        return (SettingsChanged(done.run_id, done.step, tuple(changed.items())), done) if changed else (done,)

    def note(self, measured: QualityMeasured) -> None:
        """Add the quality to the row of its step; where that was written already, it is not logged."""
        if self._rows:
            self._rows[-1]["csev"] = measured.csev

    def write(self) -> None:
        """Append what waits to the log of the run; what could not be written waits on."""
        if self._folder is not None:
            self._folder.append_log(self._rows)
        self._rows = []

    def cut(self, step: int) -> None:
        """Drop all rows after `step`, also of the log of the run where that can be written."""
        self._rows = [row for row in self._rows if row["step"] <= step]
        if self._folder is not None:
            with suppress(OSError):  # a resumed run cuts it too
                self._folder.cut_log(step)


def changed_settings(old: RunSettings, new: RunSettings) -> dict[str, Any]:
    """Return by path, such as ``terms.balance.weight``, what `new` says otherwise; a term that is gone is None."""
    if old is new:
        return {}
    before, after = _flat(old), _flat(new)
    return {path: after.get(path) for path in sorted({*before, *after}) if before.get(path) != after.get(path)}


def logged_events(run_dir: Path, run_id: str = "") -> list[Event]:
    """Return the curves of a run as the events that drew them, thinned out to about a thousand steps.

    Usage is not logged, and so empty.  Lines that can't be read are passed over, and so is a log that is not there.
    """
    try:
        lines = list(lines_of(run_dir / "log.jsonl"))
    except OSError:
        return []
    stride = max(1, len(lines) // _MOST_ROWS)
    events: list[Event] = []
    for number, line in enumerate(lines):
        # Looked for as text: to read all of a long log would take seconds.
        if number % stride and number < len(lines) - 1 and '"csev"' not in line and '"changed"' not in line:
            continue
        with suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError):
            events += _events_of(parsed_json(line, takes_nan=True), run_id)
    return events


def _events_of(row: dict[str, Any], run_id: str) -> list[Event]:
    when = (row["step"], row["fraction"], row["elapsed_s"])
    terms = tuple(row["terms"].items())
    found: list[Event] = [StepDone(run_id, *when, terms, row["total"], row["effective_classes"], (), row.get("skill"))]
    if row.get("changed"):
        found.insert(0, SettingsChanged(run_id, row["step"], tuple(row["changed"].items())))
    if "csev" in row:
        found.append(QualityMeasured(run_id, row["step"], float(row["csev"])))
    return found


def _flat(settings: RunSettings) -> dict[str, Any]:
    """Return what may change while a run goes on, by path."""
    found = {f"views.{name}": value for name, value in settings.views.model_dump(mode="json").items()}
    found |= {f"training.{name}": value for name, value in settings.training.model_dump(mode="json").items()}
    for term in settings.terms:
        content = term.model_dump(mode="json")
        kind = content.pop("kind")
        found |= {f"terms.{kind}.{name}": value for name, value in content.items()}
    return {path: value for path, value in found.items() if path not in _PASSED_OVER}
