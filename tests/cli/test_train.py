from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.cli.exits import CRASH_LOG
from napari_em_autoclass.cli.phantom import labels_beside
from napari_em_autoclass.cli.train import Wishes, _without_damage
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import load_recipe, recipe_names
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


def events_of(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Yield the JSON lines of a training until it ends."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def wait_for_step(process: subprocess.Popen[str], step: int, kind: str = "StepDone") -> None:
    for event in events_of(process):
        if event["event"] == kind and event["step"] >= step:
            return
    raise AssertionError(f"ended before step {step}: {process.communicate()[1]}")


def curves(run: Path) -> list[tuple[int, float, dict[str, float]]]:
    return [(row["step"], row["total"], row["terms"]) for row in RunFolder.open(run).log()]


def test_without_wishes_the_settings_are_those_of_the_default_recipe() -> None:
    assert Wishes().settings() == load_recipe(recipe_names()[0])


def test_wishes_become_settings() -> None:
    wishes = Wishes("filters", 7, 12, None, 3, "cpu", 2, ("terms.balance.weight=0.5", "working_pixel_nm=10"))
    settings = wishes.settings()
    assert (settings.recipe, settings.n_classes, settings.seed, settings.device) == ("filters", 7, 3, "cpu")
    assert (settings.training.steps, settings.training.seconds, settings.training.threads) == (12, None, 2)
    assert settings.working_pixel_nm == 10
    assert [(term.kind, term.weight) for term in settings.terms] == [("balance", 0.5)]


def test_a_resumed_run_takes_a_larger_budget_and_nothing_else() -> None:
    settings = Wishes(classes=7, steps=10).settings()
    longer = Wishes(steps=30).continued(settings)
    assert (longer.n_classes, longer.training.steps) == (7, 30)
    assert Wishes(seconds=60).continued(settings).training.steps is None
    for wish in (Wishes(recipe="filters"), Wishes(classes=3), Wishes(seed=1), Wishes(assignments=("n_classes=3",))):
        with pytest.raises(InputError, match="keeps its settings"):
            wish.continued(settings)


def test_train_leaves_a_run_and_says_how_to_go_on(trained_run: Path, em_autoclass: Any, stack: Path) -> None:
    folder = RunFolder.open(trained_run)
    assert folder.settings.n_classes == 4
    assert folder.settings.training.steps == 3
    assert [row["step"] for row in folder.log()] == [1, 2, 3]
    assert folder.model().settings == folder.settings


def test_json_lines_tell_every_event_and_nothing_else(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    ended = em_autoclass("train", stack, "--out", tmp_path / "run", "--steps", 2, *tiny, "--json")
    assert (ended.code, ended.err) == (0, "")
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert events[0]["event"] == "RunStarted"
    assert [event["step"] for event in events if event["event"] == "StepDone"] == [1, 2]
    assert (events[-1]["event"], events[-1]["reason"]) == ("RunEnded", "finished")


def test_a_region_is_all_that_is_learned_from(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    ended = em_autoclass("train", stack, "--out", tmp_path / "run", "--steps", 1, *tiny, "--roi", "1:5,0:96,32:128")
    assert ended.code == 0
    assert "4 classes from 4 sections of 96 x 96 px, voxel 50 x 4 x 4 nm" in ended.out
    assert RunFolder.open(tmp_path / "run").volume.shape_zyx == (4, 96, 96)


def test_resuming_goes_on_to_a_larger_budget_and_remembers_it(
    em_autoclass: Any, stack: Path, tmp_path: Path, trained_run: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    ended = em_autoclass("train", stack, "--out", run, "--resume", "--steps", 5)
    assert ended.code == 0, ended.err
    assert [row["step"] for row in RunFolder.open(run).log()] == [1, 2, 3, 4, 5]
    assert RunFolder.open(run).settings.training.steps == 5


def test_resuming_another_stack_is_refused_and_changes_nothing(
    em_autoclass: Any, stack: Path, tmp_path: Path, trained_run: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    ended = em_autoclass("train", stack, "--out", run, "--resume", "--steps", 9, "--roi", "0:5,:,:")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "another volume" in ended.err
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_an_unexpected_error_leaves_its_traceback_in_the_run_folder(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(trainer: Trainer) -> Iterator[Any]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        yield

    monkeypatch.setattr(Trainer, "events", broken)
    ended = em_autoclass("train", stack, "--out", tmp_path / "run", *tiny)
    assert ended.code == 1
    assert ended.err == (
        "em-autoclass: unexpected RuntimeError: mat1 and mat2 shapes cannot be multiplied; "
        f"the traceback is in {tmp_path / 'run' / CRASH_LOG}\n"
    )
    assert "mat1" in (tmp_path / "run" / CRASH_LOG).read_text()


def test_a_run_that_never_began_leaves_no_folder(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(trainer: Trainer) -> Iterator[Any]:
        raise InputError("section 3 can't be read")
        yield

    monkeypatch.setattr(Trainer, "events", refused)
    ended = em_autoclass("train", stack, "--out", tmp_path / "of" / "mine" / "run", *tiny)
    assert ended.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_is_saved_and_can_be_used_and_resumed(
    number: signal.Signals,
    start_em_autoclass: Any,
    em_autoclass: Any,
    stack: Path,
    tmp_path: Path,
    tiny: tuple[str, ...],
) -> None:
    run = tmp_path / "run"
    training = start_em_autoclass("train", stack, "--out", run, "--steps", 100_000, *tiny, "--json")
    wait_for_step(training, 3)
    training.send_signal(number)
    _, complaint = training.communicate(timeout=120)
    assert training.returncode == 130
    assert complaint == (
        f"em-autoclass: interrupted; what was learned is in {run}, "
        f"go on by em-autoclass train VOLUME --out {run} --resume\n"
    )
    done = RunFolder.open(run).log()[-1]["step"]
    assert done >= 3
    assert em_autoclass("predict", run, stack, "--out", tmp_path / "c.ome.zarr").code == 0
    assert em_autoclass("train", stack, "--out", run, "--resume", "--steps", done + 2).code == 0
    assert [row["step"] for row in RunFolder.open(run).log()] == list(range(1, done + 3))


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_curves(
    start_em_autoclass: Any, em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    budget = ("--steps", 300, *tiny, "--set", "training.checkpoint_every_s=0.2", "--json")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert em_autoclass("train", stack, "--out", whole, *budget).code == 0
    training = start_em_autoclass("train", stack, "--out", killed, *budget)
    wait_for_step(training, 5, "CheckpointSaved")
    training.kill()
    training.communicate(timeout=60)
    assert 5 <= len(RunFolder.open(killed).log()) < 300
    assert em_autoclass("train", stack, "--out", killed, "--resume").code == 0
    assert curves(killed) == curves(whole)
    for run in (whole, killed):
        assert em_autoclass("predict", run, stack, "--out", tmp_path / f"{run.name}.tif").code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "killed.tif"), tifffile.imread(tmp_path / "whole.tif"))


def test_damaged_sections_are_found_skipped_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_recipe(recipe_names()[0])
    stack = Volume(np.random.default_rng(0).integers(0, 255, (9, 32, 32), dtype=np.uint8), (40.0, 8.0, 8.0))
    stack.data[4] = 0
    assert _without_damage(settings, stack, None).skip_sections == (4,)
    assert "Section 4 looks damaged. Nothing is learned from there" in capsys.readouterr().err
    assert _without_damage(settings, stack, "none").skip_sections == ()
    assert _without_damage(settings, stack, "1, 6-7").skip_sections == (1, 6, 7)
    assert _without_damage(settings.replace(skip_sections=(2,)), stack, None).skip_sections == (2,)
    with pytest.raises(InputError, match="no section 9"):
        _without_damage(settings, stack, "9")
    assert capsys.readouterr().err == ""


def test_a_label_image_becomes_the_first_classes(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    labels, run = labels_beside(stack), tmp_path / "run"
    ended = em_autoclass("train", stack, "--start", labels, "--out", run, "--steps", 2, *tiny, "--classes", 7)
    assert ended.code == 0
    assert f"start as labels 1, 2, 3, 4, 5, 6 of {labels}\n" in ended.err
    start = RunFolder.open(run).settings.start
    assert start is not None
    assert (start.labels, start.source) == ((1, 2, 3, 4, 5, 6), str(labels))
    assert em_autoclass("train", stack, "--out", run, "--resume", "--steps", 3).code == 0
    assert RunFolder.open(run).settings.start == start
    assert em_autoclass("train", stack, "--start", labels, "--out", run, "--resume").err == (
        "em-autoclass: a resumed run keeps its settings; leave out --start, or train a new run\n"
    )


def test_labels_that_are_none_of_the_stack_leave_no_run(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    np.save(tmp_path / "labels.npy", np.ones((6, 64, 64), np.uint8))
    ended = em_autoclass("train", stack, "--start", tmp_path / "labels.npy", "--out", tmp_path / "run", *tiny)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "labels.npy: has the shape (6, 64, 64), the stack (6, 128, 128)" in ended.err
    assert not (tmp_path / "run").exists()


def test_a_region_becomes_a_setting() -> None:
    assert Wishes(region="0:3,:,8:40").settings().region == "0:3,:,8:40"
    with pytest.raises(InputError, match="leave out --region, --skip-sections"):
        Wishes(region="0:3,:,:", skip_sections="none").continued(Wishes().settings())


def test_a_run_that_another_process_began_at_the_same_moment_is_left_to_it(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, create = tmp_path / "run", RunFolder.create.__func__

    def overtaken(cls: type[RunFolder], path: Path, *arguments: Any) -> RunFolder:
        path.mkdir()
        told = {"pid": 1, "host": "gpu-box", "since": "2026-11-24 10:02:00", "token": "t"}
        (path / "run.lock").write_text(json.dumps(told))
        return create(cls, path, *arguments)

    monkeypatch.setattr(RunFolder, "create", classmethod(overtaken))
    ended = em_autoclass("train", stack, "--out", run, *tiny)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "is being written by process 1 on gpu-box, since 2026-11-24 10:02:00" in ended.err
    assert "gpu-box" in (run / "run.lock").read_text()


def test_what_a_run_left_that_was_killed_at_birth_is_no_obstacle(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    run = tmp_path / "run"
    (run / "snapshot").mkdir(parents=True)
    for name in ("run.lock", ".run.json.partial-12"):
        (run / name).write_text("")
    assert em_autoclass("train", stack, "--out", run, "--steps", 1, *tiny).code == 0
    assert not [path for path in run.iterdir() if "partial" in path.name or path.name == "run.lock"]
