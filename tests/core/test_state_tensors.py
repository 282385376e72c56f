from __future__ import annotations

import torch
from torch import nn

from napari_em_autoclass.core.state_tensors import named_tensors, optimiser_state


def stepped() -> tuple[nn.Linear, torch.optim.AdamW]:
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return module, optimiser


def test_what_was_stored_comes_back() -> None:
    module, optimiser = stepped()
    named = named_tensors({"net": module}, optimiser, {"usage": torch.ones(4)})
    assert {"net.weight", "net.bias", "usage"} < named.keys()
    state = optimiser_state(named)
    expected = optimiser.state_dict()["state"]
    assert state.keys() == expected.keys()
    for index in state:
        assert state[index].keys() == expected[index].keys()
        assert all(torch.equal(state[index][key], expected[index][key]) for key in state[index])


def test_tensors_are_copies() -> None:
    module, optimiser = stepped()
    named = named_tensors({"net": module}, optimiser, {})
    before = named["net.weight"].clone()
    with torch.no_grad():
        module.weight.add_(1)
    assert torch.equal(named["net.weight"], before)
