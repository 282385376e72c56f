"""A run read for the dock: checked as a whole, and its stack found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_run import STEPS, K, copy_run, make_tiny_run

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, RunEnded, RunStarted, StepDone
from napari_em_autoclass.core.run_lock import RunLock
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.opened_run import Candidate, find_stack, read_run


@pytest.fixture(scope="module")
def made(phantom: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_tiny_run(phantom, tmp_path_factory.mktemp("runs"))


def test_a_run_tells_again_what_it_told(made: Any) -> None:
    run = read_run(made[0])
    assert (run.progress.step, run.settings.n_classes) == (STEPS, K)
    assert isinstance(run.events[0], RunStarted)
    assert run.events[0].n_classes == K
    steps = [event for event in run.events if isinstance(event, StepDone)]
    assert [step.step for step in steps] == list(range(1, STEPS + 1))
    assert steps[-1].terms
    assert sum(steps[-1].usage) == pytest.approx(1)
    assert [type(event) for event in run.events[-2:]] == [CheckpointSaved, RunEnded]
    assert run.events[-1].reason == "finished"
    assert run.seconds_left is None


def test_decisions_come_with_what_can_be_undone_and_redone(made: Any) -> None:
    history = read_run(made[0]).history
    assert history.present.members(1) == (1, 2)
    assert (len(history.past), len(history.future)) == (2, 1)


def test_of_a_run_that_was_cut_off_only_what_was_saved_counts(made: Any, tmp_path: Path) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    row = json.loads((run_dir / "log.jsonl").read_text().splitlines()[-1])
    with (run_dir / "log.jsonl").open("a") as file:
        file.write(json.dumps({**row, "step": STEPS + 1}) + "\n" + '{"step": 5, "fra')
    steps = [event.step for event in read_run(run_dir).events if isinstance(event, StepDone)]
    assert max(steps) == STEPS


def test_the_time_that_is_left_is_told_of_a_run_that_was_stopped(made: Any) -> None:
    run = read_run(made[0])
    training = run.settings.training.replace(steps=None, seconds=100.0)
    run = replace(run, settings=run.settings.replace(training=training))
    stopped = replace(run, progress=run.progress.replace(stage="learning", elapsed_s=40.0))
    assert stopped.seconds_left == 60
    assert replace(stopped, progress=stopped.progress.replace(elapsed_s=140.0)).seconds_left is None
    assert run.seconds_left is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("run.json", "{", "not a run folder"),
        ("run.json", '{"schema_version": 1}', "damaged"),
        ("classes.json", "[]", "classes.json"),
        ("weights.safetensors", "no weights", "damaged"),
        ("weights.safetensors", None, "no weights yet"),
    ],
)
def test_a_damaged_run_is_refused_in_one_sentence(
    made: Any, tmp_path: Path, name: str, content: str | None, says: str
) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    (run_dir / name).unlink()
    if content is not None:
        (run_dir / name).write_text(content)
    with pytest.raises(InputError, match=says) as raised:
        read_run(run_dir)
    assert "\n" not in str(raised.value)


def test_classes_of_another_run_are_refused(made: Any, tmp_path: Path) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    content = json.loads((run_dir / "run.json").read_text())
    content["settings"]["n_classes"] = K + 1
    (run_dir / "run.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="is of another run"):
        read_run(run_dir)


def test_a_run_that_is_being_learned_is_left_alone(made: Any, tmp_path: Path) -> None:
    run_dir, _ = copy_run(made, tmp_path)
    lock = RunLock.take(run_dir)
    with pytest.raises(InputError, match="is being learned by process"):
        read_run(run_dir)
    lock.release()
    assert read_run(run_dir).path == run_dir


def test_the_stack_is_the_candidate_with_the_same_voxels(made: Any, phantom: Any) -> None:
    run, size = read_run(made[0]), phantom.voxel_size_nm
    same, other = Volume(phantom.raw, size), Volume(255 - phantom.raw, size)
    assert find_stack(run, [Candidate(other, True), Candidate(same, True)]).place == 1
    unsized = Candidate(Volume(phantom.raw, (1, 1, 1)), False)
    assert find_stack(run, [unsized]).place == 0
    rounded = Volume(phantom.raw, tuple(1.0004 * s for s in size))
    assert find_stack(run, [Candidate(rounded, True)]).place == 0


def test_without_such_a_candidate_it_is_opened_from_its_file(made: Any, phantom: Any) -> None:
    run, size = read_run(made[0]), phantom.voxel_size_nm
    wrong = [
        Candidate(Volume(phantom.raw[:4], size), True),
        Candidate(Volume(phantom.raw.astype(np.uint16), size), True),
        Candidate(Volume(phantom.raw, (40.0, 4.0, 4.0)), True),
    ]
    found = find_stack(run, wrong)
    assert found.place is None
    assert found.volume is not None
    assert found.volume.source == str(made[1])


def test_where_it_is_nowhere_the_reason_is_told(made: Any, tmp_path: Path) -> None:
    run_dir, stack = copy_run(made, tmp_path)
    stack.unlink()
    found = find_stack(read_run(run_dir), [])
    assert (found.place, found.volume) == (None, None)
    assert "is not there any more" in found.problem
