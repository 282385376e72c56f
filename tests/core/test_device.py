from __future__ import annotations

import os

import pytest
import torch

from napari_em_autoclass.core.device import Device, autocast, choose_device, processor_threads
from napari_em_autoclass.core.errors import InputError


@pytest.fixture(params=["none", "cuda", "mps", "both"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Pretend that some GPUs are there."""
    found = {"none": set(), "both": {"cuda", "mps"}}.get(request.param, {request.param})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in found)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Imaginary 9000")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in found)
    return found


def test_auto_takes_the_best_there_is_and_says_why(there: set[str]) -> None:
    device = choose_device("auto")
    expected = "cuda" if "cuda" in there else "mps" if "mps" in there else "cpu"
    assert device.name == expected
    assert {"cuda": "Imaginary 9000", "mps": "Mac", "cpu": "because"}[expected] in device.reason


def test_the_cpu_is_always_there(there: set[str]) -> None:
    assert choose_device("cpu") == Device("cpu", "CPU as asked")


@pytest.mark.parametrize("wanted", ["cuda", "mps"])
def test_a_gpu_asked_for_is_taken_or_missed(there: set[str], wanted) -> None:
    if wanted in there:
        assert choose_device(wanted).name == wanted
    else:
        with pytest.raises(InputError, match=rf"device {wanted} was asked for.*choose auto or cpu"):
            choose_device(wanted)


@pytest.mark.parametrize(
    ("cuda", "hip", "reason"),
    [(None, None, "no GPU support"), ("12.8", None, "no GPU was found"), (None, "6.2", "no GPU was found")],
)
def test_the_reason_tells_a_torch_without_gpu_support_from_a_machine_without_gpu(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, hip: str | None, reason: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip, raising=False)
    assert reason in choose_device("auto").reason
    with pytest.raises(InputError, match=reason):
        choose_device("cuda")


@pytest.mark.parametrize("name", ["cpu", "mps"])
def test_only_cuda_computes_in_mixed_precision(name: str) -> None:
    with autocast(Device(name, "")):
        assert not torch.is_autocast_enabled("cpu")
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize(("has_bfloat", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_cuda_takes_bfloat16_where_it_can(
    monkeypatch: pytest.MonkeyPatch, has_bfloat: bool, dtype: torch.dtype
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bfloat)
    monkeypatch.setattr(torch, "autocast", lambda device, dtype: asked.append((device, dtype)))
    autocast(Device("cuda", ""))
    assert asked == [("cuda", dtype)]


def test_threads_are_those_wanted_or_those_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processor_threads(3) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 6, 7, 9}, raising=False)
    assert processor_threads(None) == 5
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert processor_threads(None) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processor_threads(None) == 1
