from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from napari_em_autoclass.core.divergence import LossRecord
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.weights_file import (
    PREVIOUS_NAME,
    WEIGHTS_NAME,
    Progress,
    newest_weights,
    read_progress,
    read_weights,
    write_weights,
)

RECORD = LossRecord(objective="balance=0.5", n_steps=7, scale=0.1 + 0.2, beyond_for=3)
FAR = Progress(step=9, elapsed_s=1 / 3, stage="learning", has_classes=True, divergences=1, losses=RECORD)


def kept(run: Path, last: int, previous: int, divergences: int = 0) -> None:
    write_weights(run / WEIGHTS_NAME, {"a": torch.tensor(last)}, Progress(step=last, divergences=divergences))
    write_weights(run / PREVIOUS_NAME, {"a": torch.tensor(previous)}, Progress(step=previous))


def test_weights_and_progress_come_back_to_the_last_bit(tmp_path: Path) -> None:
    tensors = {"a.b": torch.randn(3, 1), "half": torch.ones(2, dtype=torch.float16)}
    write_weights(tmp_path / "w", tensors, FAR)
    found, progress = read_weights(tmp_path / "w")
    assert progress == read_progress(tmp_path / "w") == FAR
    assert {name: tensor.dtype for name, tensor in found.items()} == {"a.b": torch.float32, "half": torch.float16}
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_weights_of_the_first_version_are_read(tmp_path: Path) -> None:
    old = {"step": 4, "elapsed_s": 1.5, "stage": "done", "has_classes": True}
    (tmp_path / "w").write_bytes(save({"a": torch.zeros(1)}, {"progress": json.dumps(old)}))
    assert read_progress(tmp_path / "w") == Progress(**old)


def test_weights_of_a_newer_version_ask_for_an_update(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", {"a": torch.zeros(1)}, FAR)
    with safe_open(tmp_path / "w", framework="pt") as file:
        header = file.metadata()
    (tmp_path / "w").write_bytes(save({"a": torch.zeros(1)}, {**header, "schema_version": "99"}))
    for use in (read_weights, read_progress):
        with pytest.raises(InputError, match=r"has schema 99, .*update napari-em-autoclass"):
            use(tmp_path / "w")


@pytest.mark.parametrize(("last", "previous", "expected"), [(137, 100, 137), (137, 150, 150), (100, 100, 100)])
def test_the_newest_of_two_is_taken(tmp_path: Path, last: int, previous: int, expected: int) -> None:
    kept(tmp_path, last, previous)
    tensors, progress, note = newest_weights(tmp_path)
    assert (int(tensors["a"]), progress.step, note) == (expected, expected, "")


def test_a_run_that_went_back_does_not_go_on_from_before(tmp_path: Path) -> None:
    kept(tmp_path, 151, 200, divergences=1)
    assert newest_weights(tmp_path)[1].step == 151


def test_damaged_weights_leave_the_previous_and_a_sentence(tmp_path: Path) -> None:
    kept(tmp_path, 137, 100)
    whole = (tmp_path / WEIGHTS_NAME).read_bytes()
    (tmp_path / WEIGHTS_NAME).write_bytes(whole[:-3])
    _, progress, note = newest_weights(tmp_path)
    assert progress.step == 100
    assert note == (
        f"{tmp_path / WEIGHTS_NAME} is damaged (SafetensorError); going on from step 100, which was kept too."
    )
    (tmp_path / PREVIOUS_NAME).write_bytes(b"")
    with pytest.raises(InputError, match="is damaged"):
        newest_weights(tmp_path)


def test_a_damaged_previous_does_no_harm(tmp_path: Path) -> None:
    kept(tmp_path, 137, 100)
    (tmp_path / PREVIOUS_NAME).write_bytes(b"noise")
    assert newest_weights(tmp_path)[1].step == 137
