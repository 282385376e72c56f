"""Faults that no other file of tests injects; and every sentence the user sees stands in `docs/reference/faults.md`.

Others: full disks and vanished shares in `test_run_keeper`, a diverging loss in `test_course`, two writers in
`test_run_lock`, damaged weights in `test_weights_file`, damaged classes in `test_class_file`, short memory, a crash
between two files and interruptions in `test_trainer_failures`, unreadable chunks in `test_trainer_storage`, newer
versions in `test_migrations`, and edits that can't be saved in `tests/gui/test_decisions`.
"""

from __future__ import annotations

import errno
import re
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import changed, class_map, curves, played

from napari_em_autoclass.core import checkpoint, run_lock
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.damage import find_damage
from napari_em_autoclass.core.device import Device
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Event, Notice, RunEnded, StepDone
from napari_em_autoclass.core.run_lock import Holder
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.tile_limit import TileLimit
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

REPOSITORY = Path(__file__).parents[2]
PAGE = " ".join((REPOSITORY / "docs" / "reference" / "faults.md").read_text(encoding="utf-8").split())


def without_numbers(text: str) -> str:
    return re.sub(r"(?<![\w.])\d+(\.\d+)?(?!\w)", "N", text)


def assert_documented(sentence: str, **shown: object) -> None:
    """Check that the page has `sentence`, with a placeholder for each thing `shown`, and N for each number left."""
    for name, value in shown.items():
        sentence = sentence.replace(str(value), name)
    assert without_numbers(sentence) in without_numbers(PAGE)


def notices(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


def stack_with(volume: Volume, section: int, value: float) -> Volume:
    data = volume.data.astype(np.float32)
    data[section] = value
    return Volume(data, volume.voxel_size_nm, volume.name)


@pytest.fixture
def trained(finished: Any, tmp_path: Path) -> Path:
    """Give a run of ten steps."""
    run: Path = finished.copy(tmp_path / "run")
    return run


# --- the stack -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_section_of_nan_is_refused_before_anything_is_made(
    volume: Volume, settings: RunSettings, tmp_path: Path, bad: float
) -> None:
    with pytest.raises(InputError) as raised:
        Trainer(stack_with(volume, 2, bad), settings, run_dir=tmp_path / "run")
    assert_documented(str(raised.value), NAME="phantom")
    assert list(tmp_path.iterdir()) == []


def test_a_constant_section_is_left_out_and_classified(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    blank = stack_with(volume, 4, 7.0)
    found = find_damage(blank)
    assert found.sections == (4,)
    assert_documented(found.sentence)
    skipping = settings.replace(skip_sections=found.sections)
    events = played(Trainer(blank, skipping, run_dir=tmp_path / "run"))
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason == "finished"
    assert class_map(tmp_path / "run", blank).min() > 0


def test_a_constant_section_that_is_not_left_out_breaks_nothing(volume: Volume, settings: RunSettings) -> None:
    events = played(Trainer(stack_with(volume, 2, 7.0), settings))
    assert events[-1].reason == "finished"  # type: ignore[union-attr]
    assert all(np.isfinite(event.total) for event in events if isinstance(event, StepDone))


def test_a_constant_stack_is_refused(settings: RunSettings) -> None:
    with pytest.raises(InputError) as raised:
        Trainer(Volume(np.full((5, 64, 64), 3, np.uint8), (50.0, 4.0, 4.0), "mine"), settings)
    assert_documented(str(raised.value), NAME="mine")


# --- memory and time -------------------------------------------------------------------------------------------------


def test_short_memory_is_said_in_the_words_of_the_page(settings: RunSettings) -> None:
    limit = TileLimit(Device("cuda", "fake"))
    assert_documented(limit.halve(settings))
    with pytest.raises(InputError) as raised:
        limit.halve(settings)
    assert_documented(str(raised.value))


def test_a_clock_that_is_set_back_changes_nothing(
    volume: Volume, settings: RunSettings, tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(2_000_000_000, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    played(Trainer(volume, settings, run_dir=tmp_path / "back"))
    assert curves(tmp_path / "back") == curves(trained)
    elapsed = [row["elapsed_s"] for row in RunFolder.open(tmp_path / "back").log()]
    assert elapsed == sorted(elapsed)


# --- the folder ------------------------------------------------------------------------------------------------------


def test_a_run_that_can_not_be_written_to_is_refused_and_still_classifies(
    volume: Volume, settings: RunSettings, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = class_map(trained, volume)

    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(run_lock, "_taken", read_only)
        with pytest.raises(InputError) as raised:
            Trainer(volume, settings, run_dir=trained, resume=True)
        assert_documented(str(raised.value), PATH=trained)
        with pytest.raises(InputError) as raised:
            Trainer(volume, settings, run_dir=trained.with_name("new"))
        assert_documented(str(raised.value), PATH=trained.with_name("new"), REASON="Read-only file system")
        assert not trained.with_name("new").exists()
        assert np.array_equal(class_map(trained, volume), before)


def test_a_run_that_becomes_read_only_is_said_once(
    volume: Volume, settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    eager, told = changed(settings, "training.checkpoint_every_s=0.000001"), list[str]()
    trainer = Trainer(volume, eager, run_dir=tmp_path / "run")
    with pytest.raises(InputError, match="the state of step 2 is kept there"):
        for event in trainer.events():
            if isinstance(event, Notice):
                told.append(event.message)
            if isinstance(event, StepDone) and event.step == 3:
                monkeypatch.setattr(checkpoint, "append_lines", read_only)
            if isinstance(event, StepDone) and event.step == 6:
                trainer.stop()
    assert len(told) == 1
    assert_documented(told[0])


def test_a_second_writer_is_told_in_the_words_of_the_page(volume: Volume, settings: RunSettings, trained: Path) -> None:
    first = Trainer(volume, settings, run_dir=trained, resume=True)
    with pytest.raises(InputError) as raised:
        Trainer(volume, settings, run_dir=trained, resume=True)
    since = re.search(r"since (\d.*?);", str(raised.value))
    assert since is not None
    assert_documented(str(raised.value), PATH=trained, HOST=Holder.here().host, DATE=since[1])
    played(first)
    assert not (trained / "run.lock").exists()


def test_damaged_weights_are_replaced_by_those_before_and_said(
    volume: Volume, settings: RunSettings, trained: Path
) -> None:
    whole = (trained / "weights.safetensors").read_bytes()
    (trained / "weights.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError) as raised:
        RunFolder.open(trained).model()
    reason = re.search(r"\((\w+)\)", str(raised.value))
    assert reason is not None
    assert_documented(str(raised.value), PATH=trained / "weights.safetensors", REASON=reason[1])
    events = played(Trainer(volume, settings, run_dir=trained, resume=True))
    assert_documented(notices(events)[0], PATH=trained / "weights.safetensors", REASON=reason[1])
    assert RunFolder.open(trained).load_weights()[1].step == 10


def test_damaged_classes_do_not_keep_a_run_from_going_on(volume: Volume, settings: RunSettings, trained: Path) -> None:
    (trained / "classes.json").write_text("{")
    longer = changed(settings, "training.steps=11")
    told = notices(played(Trainer(volume, longer, run_dir=trained, resume=True)))[0]
    assert_documented(told.replace("damaged-1", "damaged-N"))
    assert RunFolder.open(trained).history.present.n_classes == 4
    assert (trained / "classes.damaged-1.json").read_text() == "{"


def test_damaged_run_json_and_newer_versions_are_said_in_the_words_of_the_page(trained: Path) -> None:
    newer = shutil.copytree(trained, trained.with_name("newer")) / "run.json"
    newer.write_text(newer.read_text().replace('"schema_version": 2', '"schema_version": 3', 1))
    (trained / "run.json").write_text("{")
    for run, path in ((trained, trained), (newer.parent, newer)):
        with pytest.raises(InputError) as raised:
            RunFolder.open(run)
        assert_documented(str(raised.value), PATH=path)


def test_a_run_that_was_killed_before_it_learned_anything_begins_anew(
    volume: Volume, settings: RunSettings, trained: Path
) -> None:
    expected = curves(trained)
    for name in ("weights.safetensors", "weights.previous.safetensors", "log.jsonl"):
        (trained / name).unlink()
    (trained / "run.lock").write_text("")
    played(Trainer(volume, settings, run_dir=trained, resume=True))
    assert curves(trained) == expected


def test_what_other_files_of_tests_check_stands_on_the_page_too() -> None:
    for sentence in (
        "The loss diverged at step N: back to step N, with half the learning rate (N).",
        "The loss diverged again. Stopped; what was learned up to step N is kept. "
        "Lower the learning rate, or the weights of the terms, and start again.",
        "The run could not be saved: no space left on device. Free some space there. "
        "Learning goes on; it is tried again and again.",
        "The run could be saved again; nothing is missing.",
        "The run is at its end, but not saved: no space left on device. Free some space there. Waiting 10 min for it.",
        "The run could not be saved: no such file or directory. Bring the folder back, or its disk.",
        "was taken over by process N on HOST, since DATE; nothing more is written there from here",
        "names and merges are those before the last edit; what was there is kept as classes.damaged-N.json.",
        "Another program changed the classes of this run too. Yours show; theirs come back by Undo.",
        "were changed by another program in the meantime; try again",
        "A part of the stack is left out of the training:",
    ):
        assert sentence in PAGE
