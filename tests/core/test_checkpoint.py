from __future__ import annotations

import errno
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from napari_em_autoclass.core import checkpoint
from napari_em_autoclass.core.checkpoint import Progress, RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


@pytest.fixture(scope="module")
def volume(phantom: Phantom) -> Volume:
    return Volume(phantom.raw, phantom.voxel_size_nm, "phantom", "made up")


@pytest.fixture(scope="module")
def trained(volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a finished run that nobody writes to."""
    from napari_em_autoclass.core.run_settings import load_recipe

    settings = load_recipe("neighbour-forecast")
    for change in (
        *("n_classes=4", "device=cpu", "training.steps=4", "training.threads=1", "training.tiles_per_step=2"),
        *("tiles.size_px=32", "tiles.region_px=32", "classifier.width=4", "classifier.depth=2"),
        *("classifier.n_features=8", "classifier.n_textons=8", "predictor.width=4"),
    ):
        settings = apply_setting(settings, change)
    path = tmp_path_factory.mktemp("trained") / "run"
    for _ in Trainer(volume, settings, run_dir=path).events():
        pass
    return path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """Give a copy of the finished run, to be maltreated."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- making and opening ----------------------------------------------------------------------------------------------


def test_a_run_opens_as_it_was_made(run: Path, volume: Volume) -> None:
    folder = RunFolder.open(run)
    assert folder.settings.n_classes == 4
    assert folder.volume.name == "phantom"
    assert folder.volume.source == "made up"
    assert folder.volume.shape_zyx == volume.shape_zyx
    assert folder.volume.voxel_size_nm == volume.voxel_size_nm
    assert folder.volume.dtype == "|u1"
    assert folder.history.present.n_classes == 4
    assert "torch" in json.loads((run / "run.json").read_text())["versions"]


@pytest.mark.parametrize("fails_at", [0, 2])  # the two files; after each comes the folder
def test_a_folder_that_cannot_be_written_is_not_begun(
    run: Path, tmp_path: Path, volume: Volume, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    old, number = RunFolder.open(run), iter(range(9))
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: no_space() if next(number) == fails_at else sync(file))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    for name in ("mine", "new"):
        number = iter(range(9))
        with pytest.raises(InputError, match=r"can't write to .*No space left.*choose another folder"):
            RunFolder.create(tmp_path / name, old.settings, volume, old.normalisation)
    assert contents(tmp_path / "mine") == {"notes.txt": b"keep"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "run"]


def test_a_file_in_the_way_is_named(run: Path, tmp_path: Path, volume: Volume) -> None:
    (tmp_path / "taken").write_text("")
    old = RunFolder.open(run)
    with pytest.raises(InputError, match="taken"):
        RunFolder.create(tmp_path / "taken", old.settings, volume, old.normalisation)
    assert (tmp_path / "taken").read_text() == ""


DAMAGE = {
    "no such folder": (lambda run: shutil.rmtree(run), "not a run folder"),
    "no run.json": (lambda run: (run / "run.json").unlink(), "not a run folder"),
    "cut off": (lambda run: (run / "run.json").write_text('{"schema_version": 1, "se'), "not a run folder"),
    "a list": (lambda run: (run / "run.json").write_text("[]"), "not a run folder"),
    "bytes": (lambda run: (run / "run.json").write_bytes(b"\xff\xfe\x00"), "not a run folder"),
    "newer": (
        lambda run: edit(run, lambda c: c.update(schema_version=99)),
        "reads up to 2; update napari",
    ),
    "no schema": (lambda run: edit(run, lambda c: c.pop("schema_version")), "schema None, which no version wrote"),
    "no settings": (lambda run: edit(run, lambda c: c.pop("settings")), "damaged: no 'settings'"),
    "impossible K": (lambda run: edit(run, lambda c: c["settings"].update(n_classes=1)), "damaged"),
    "unknown setting": (lambda run: edit(run, lambda c: c["settings"].update(magic=1)), "damaged"),
    "no normalisation": (lambda run: edit(run, lambda c: c.pop("normalisation")), "damaged"),
    "bad volume": (lambda run: edit(run, lambda c: c["volume"].update(shape_zyx="large")), "damaged"),
}


def edit(run: Path, change) -> None:
    content = json.loads((run / "run.json").read_text())
    change(content)
    (run / "run.json").write_text(json.dumps(content))


@pytest.mark.parametrize("case", DAMAGE)
def test_what_is_no_usable_run_is_refused_in_one_line(run: Path, case: str) -> None:
    damage, complaint = DAMAGE[case]
    damage(run)
    with pytest.raises(InputError, match=re.escape(complaint)) as raised:
        RunFolder.open(run)
    assert "\n" not in str(raised.value)


# --- weights ---------------------------------------------------------------------------------------------------------


def test_weights_and_progress_are_of_one_file(run: Path) -> None:
    with safe_open(run / "weights.safetensors", framework="pt") as file:
        assert Progress.model_validate_json(file.metadata()["progress"]) == RunFolder.open(run).load_weights()[1]
    progress = RunFolder.open(run).load_weights()[1]
    assert (progress.step, progress.stage) == (4, "done")


def test_weights_come_back_as_they_were(run: Path) -> None:
    folder = RunFolder.open(run)
    tensors = {"a.b": torch.randn(3, 1), "c": torch.tensor(5), "half": torch.ones(2, dtype=torch.float16)}
    folder.save_weights(tensors, Progress(step=9, elapsed_s=1.5))
    found, progress = folder.load_weights()
    assert progress == Progress(step=9, elapsed_s=1.5)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) and found[name].dtype == tensors[name].dtype for name in found)


def test_a_failed_save_keeps_the_last_weights(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(run)
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        RunFolder.open(run).save_weights({"a": torch.zeros(3)}, Progress(step=99))
    assert contents(run) == before


@pytest.mark.parametrize("damage", ["cut off", "empty", "noise", "no progress"])
def test_damaged_weights_are_refused_in_one_line(run: Path, damage: str) -> None:
    from safetensors.torch import save

    path = run / "weights.safetensors"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut off": whole[: len(whole) // 2],
            "empty": b"",
            "noise": np.random.default_rng(0).bytes(500),
            "no progress": save({"a": torch.zeros(1)}),
        }[damage]
    )
    for use in (RunFolder.load_weights, RunFolder.model):
        with pytest.raises(InputError, match="damaged") as raised:
            use(RunFolder.open(run))
        assert "\n" not in str(raised.value)


def test_a_run_without_weights_says_so(run: Path) -> None:
    (run / "weights.safetensors").unlink()
    with pytest.raises(InputError, match="no weights yet"):
        RunFolder.open(run).model()


def test_weights_of_other_settings_are_refused(run: Path) -> None:
    edit(run, lambda content: content["settings"].update(n_classes=7))
    with pytest.raises(InputError, match="don't fit the settings"):
        RunFolder.open(run).model()


def test_a_model_needs_nothing_but_the_folder(run: Path, tmp_path: Path, volume: Volume) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("run.json", "weights.safetensors"):
        shutil.move(run / name, moved / name)
    model = RunFolder.open(moved).model()
    assert model.stage == "done"
    assert not model.classifier.training
    found = model.classify(model.working(volume), ViewRequest(2, 0, 64, 0, 64))
    assert set(np.unique(found.classes)) <= {1, 2, 3, 4}
    with np.load(run / "snapshot" / "latest.npz", allow_pickle=False) as latest:
        assert latest["corner_zyx"].tolist() == [2, 0, 0]
        assert np.array_equal(latest["classes"], found.classes)


def test_before_there_are_classes_the_model_is_the_sketch(run: Path, volume: Volume) -> None:
    folder = RunFolder.open(run)
    tensors, progress = folder.load_weights()
    folder.save_weights(tensors, progress.replace(has_classes=False, stage="first sketch"))
    model = folder.model()
    assert type(model.classifier).__name__ == "FilterClassifier"
    assert torch.equal(model.classifier.centres, tensors["sketch.centres"])


def test_nothing_in_the_folder_is_pickled(run: Path) -> None:
    assert sorted(contents(run)) == [
        "classes.json",
        "log.jsonl",
        "run.json",
        "snapshot/latest.npz",
        "weights.previous.safetensors",
        "weights.safetensors",
    ]
    with np.load(run / "snapshot" / "latest.npz", allow_pickle=False) as latest:
        assert {name: latest[name].dtype.kind for name in latest} == {"corner_zyx": "i", "classes": "u"}
    assert "pickle" not in Path(checkpoint.__file__).read_text(encoding="utf-8").replace("Nothing is pickled.", "")


# --- classes and log -------------------------------------------------------------------------------------------------


def test_names_and_merges_come_back_and_can_be_undone(run: Path) -> None:
    folder = RunFolder.open(run)
    history = folder.history.do(folder.history.present.merge([2, 4], name="mitochondria"))
    assert folder.save_history(history).revision == 1
    again = RunFolder.open(run).history
    assert again == history
    assert again.present.name_of(2) == "mitochondria"
    assert again.can_undo


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_damaged_names_are_refused_with_what_to_do(run: Path, content: str) -> None:
    (run / "classes.json").write_text(content)
    with pytest.raises(InputError, match=r"classes\.json.*damaged"):
        _ = RunFolder.open(run).history


def test_a_torn_last_line_of_the_log_is_left_out(run: Path) -> None:
    folder = RunFolder.open(run)
    with (run / "log.jsonl").open("a") as log:
        log.write('{"step": 5, "total": 0.')
    assert [row["step"] for row in folder.log()] == [1, 2, 3, 4]
    folder.cut_log(4)
    folder.append_log([{"step": 5}])
    assert [row["step"] for row in folder.log()] == [1, 2, 3, 4, 5]
    assert (run / "log.jsonl").read_text().endswith('{"step": 5}\n')


def test_the_log_is_cut_to_the_weights(run: Path) -> None:
    folder = RunFolder.open(run)
    kept = folder.log()[:2]
    folder.cut_log(2)
    assert folder.log() == kept
    folder.cut_log(0)
    assert folder.log() == []


def test_a_run_without_a_log_has_no_rows(run: Path) -> None:
    (run / "log.jsonl").unlink()
    assert RunFolder.open(run).log() == []
    RunFolder.open(run).cut_log(0)
    assert RunFolder.open(run).log() == []


def test_new_settings_leave_the_rest_of_the_run_as_it_was(run: Path, fast_settings: RunSettings) -> None:
    folder = RunFolder.open(run)
    folder.save_settings(apply_setting(folder.settings, "training.steps=77"))
    again = RunFolder.open(run)
    assert again.settings.training.steps == 77
    assert (again.volume, again.normalisation) == (folder.volume, folder.normalisation)
