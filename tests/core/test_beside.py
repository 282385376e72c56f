"""A thread for the steps, and a copy of the weights for whoever looks at them meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from napari_em_autoclass.core.beside import Beside, one_thread
from napari_em_autoclass.core.classifier import FilterClassifier


@pytest.fixture
def beside() -> Beside:
    return Beside(3)


def test_a_step_runs_in_a_thread_with_threads_of_its_own(beside: Beside) -> None:
    before, seen = torch.get_num_threads(), list[object]()
    beside.start(lambda: seen.extend((threading.current_thread().name, torch.get_num_threads())) or []).result()
    assert seen == ["training-step_0", 3]
    assert torch.get_num_threads() == before
    beside.close()
    assert not any(thread.name.startswith("training-step") for thread in threading.enumerate())


def test_how_long_the_last_step_took_is_known(beside: Beside, fake_time: Any) -> None:
    assert beside.step_s == 0

    def step() -> list[Any]:
        fake_time.now += 2.5
        return []

    beside.start(step).result()
    assert beside.step_s == 2.5
    beside.close()


def test_a_copy_holds_the_weights_of_when_it_was_made(beside: Beside) -> None:
    original = FilterClassifier((1.0,), 3)
    original.centres.fill_(1.0)
    copied = beside.copied(original)
    original.centres.fill_(2.0)
    assert copied.centres.eq(1).all()
    assert beside.copied(original) is copied
    assert copied.centres.eq(2).all()
    other = FilterClassifier((1.0,), 3)
    assert beside.copied(other) is not copied
    assert beside.copied(other).centres.eq(0).all()


def test_a_copy_answers_in_evaluation_mode_and_learns_nothing(beside: Beside) -> None:
    original = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    original(torch.ones(1, 1, 2, 2)).sum().backward()
    copied = beside.copied(original)  # type: ignore[arg-type]  # any module will do
    assert original.training
    assert not any(module.training for module in copied.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in copied.parameters())
    assert all(parameter.grad is not None for parameter in original.parameters())


def test_a_picture_is_computed_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), one_thread():
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
