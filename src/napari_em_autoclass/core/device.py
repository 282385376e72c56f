"""Where to compute, and why: the reason is shown to the user."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.ranks import ALONE, Ranks, present_ranks

__all__ = ["Device", "autocast", "choose_device", "processor_threads"]


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device name ("cpu", "cuda", "mps"), a sentence on why it was chosen, and who computes beside it."""

    name: str
    reason: str
    ranks: Ranks = ALONE


def choose_device(wanted: Literal["auto", "cpu", "cuda", "mps"]) -> Device:
    """Return the device to compute on.

    Raises
    ------
    InputError
        If a GPU was asked for by name and there is none.
    """
    ranks = present_ranks()
    found = _device(wanted)
    return found if ranks == ALONE else Device(found.name, f"{found.reason}; one of {ranks.size} processes", ranks)


def _device(wanted: Literal["auto", "cpu", "cuda", "mps"]) -> Device:
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "cuda" and not has_cuda:
        raise InputError(f"device cuda was asked for, but {_why_no_cuda()}; choose auto or cpu")
    if wanted == "mps" and not has_mps:
        raise InputError("device mps was asked for, but this is not a Mac with a usable GPU; choose auto or cpu")
    if wanted in ("auto", "cuda") and has_cuda:
        return Device("cuda", f"GPU {torch.cuda.get_device_name(0)}")
    if wanted in ("auto", "mps") and has_mps:
        return Device("mps", "GPU of this Mac")
    return Device("cpu", "CPU as asked" if wanted == "cpu" else f"CPU, because {_why_no_cuda()}")


def autocast(device: Device) -> AbstractContextManager[object]:
    """Return the mixed-precision context for the network's forward pass; losses stay in float32."""
    if device.name != "cuda":
        # bfloat16 convolutions are slower than float32 on most CPUs, and incomplete on mps.
        return nullcontext()
    return torch.autocast("cuda", dtype=torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)


def processor_threads(wanted: int | None) -> int:
    """Return how many threads torch should use: `wanted`, else every processor this process may run on.

    Several processes that ``torchrun`` started on this computer divide the processors among them.
    """
    if wanted is not None:
        return wanted
    beside = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))) if present_ranks() != ALONE else 1
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, here // beside)


def _why_no_cuda() -> str:
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return "the installed torch has no GPU support"
    return "no GPU was found"
