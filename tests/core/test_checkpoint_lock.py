"""Who writes into a run folder, and whether the last one came to its end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from runs import played

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


@pytest.fixture
def run(volume: Volume, fast_settings: RunSettings, tmp_path: Path) -> Path:
    """Give a finished run."""
    played(Trainer(volume, fast_settings, run_dir=tmp_path / "run"))
    return tmp_path / "run"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_run_is_locked_for_who_made_it(run: Path, tmp_path: Path, volume: Volume) -> None:
    old = RunFolder.open(run)
    made = RunFolder.create(tmp_path / "new", old.settings, volume, old.normalisation)
    with pytest.raises(InputError, match=f"is being written by process {os.getpid()} on "):
        RunFolder.open(tmp_path / "new").take_lock()
    made.release_lock()
    RunFolder.open(tmp_path / "new").take_lock()


def test_two_can_not_make_the_same_run(run: Path, tmp_path: Path, volume: Volume) -> None:
    old = RunFolder.open(run)
    first = RunFolder.create(tmp_path / "new", old.settings, volume, old.normalisation)
    before = contents(tmp_path / "new")
    (tmp_path / "new" / "run.json").unlink()  # the second one comes just before the first writes it
    with pytest.raises(InputError, match="is being written by"):
        RunFolder.create(tmp_path / "new", old.settings, volume, old.normalisation)
    assert contents(tmp_path / "new") == {name: content for name, content in before.items() if name != "run.json"}
    assert first.lock is not None


def test_taking_the_lock_clears_away_what_a_killed_writer_left(run: Path) -> None:
    for name in (".weights.safetensors.partial-12", "snapshot/.latest.npz.partial-12", ".classes.json.partial-7"):
        (run / name).write_bytes(b"half")
    folder = RunFolder.open(run)
    folder.take_lock()
    assert [path.name for path in run.rglob("*partial*")] == [".classes.json.partial-7"]  # somebody may be writing it


def test_a_run_that_was_left_behind_with_something_to_learn_was_interrupted(run: Path) -> None:
    folder = RunFolder.open(run)
    assert not folder.was_interrupted
    (run / "run.lock").write_text("")
    assert not folder.was_interrupted  # killed after its last checkpoint: it is done
    tensors, progress = folder.load_weights()
    folder.save_weights(tensors, progress.replace(stage="learning"))
    assert folder.was_interrupted
    folder.take_lock()
    assert not folder.was_interrupted
    folder.release_lock()
    assert not folder.was_interrupted
    (run / "run.lock").write_text("")
    (run / "weights.safetensors").unlink()
    assert not folder.was_interrupted  # nothing was learned
