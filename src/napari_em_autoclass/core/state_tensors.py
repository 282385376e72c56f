"""Everything a later process needs to go on exactly where this one is, as named tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

__all__ = ["named_tensors", "optimiser_state"]

_OPTIMISER = "optimiser"


def named_tensors(
    modules: Mapping[str, nn.Module], optimiser: torch.optim.Optimizer, others: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return copies on the CPU of all tensors of some modules, an optimiser and others, by name."""
    named = dict(others)
    for prefix, module in modules.items():
        named |= {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        named |= {f"{_OPTIMISER}.{index}.{key}": value for key, value in state.items()}
    return {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in named.items()}


def optimiser_state(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return what `named_tensors` stored of the optimiser, as its ``load_state_dict`` wants it under "state"."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(f"{_OPTIMISER}."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    return state
