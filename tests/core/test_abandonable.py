from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_em_autoclass.core.abandonable import abandonable
from napari_em_autoclass.core.errors import Abandoned


@pytest.fixture
def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))


def step(net: nn.Module, image: torch.Tensor) -> None:
    net(image).square().mean().backward()


def test_a_step_that_is_wanted_is_the_same_bit_for_bit(net: nn.Sequential) -> None:
    image, asked = torch.randn(2, 1, 12, 12), list[int]()
    step(net, image)
    expected = [p.grad.clone() for p in net.parameters() if p.grad is not None], net[1].running_var.clone()
    net.zero_grad()
    net[1].reset_running_stats()
    with abandonable([net], lambda: asked.append(1) is None):
        step(net, image)
    assert all(torch.equal(a, p.grad) for a, p in zip(expected[0], net.parameters(), strict=True))
    assert torch.equal(net[1].running_var, expected[1])
    assert len(asked) == 2 * (len(net) + 1)


@pytest.mark.parametrize("after", range(10))
def test_what_an_abandoned_step_changed_is_put_back_wherever_it_ends(net: nn.Sequential, after: int) -> None:
    image, asked = torch.randn(2, 1, 12, 12), list[int]()
    net(image)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    def is_wanted() -> bool:
        asked.append(1)
        return len(asked) <= after

    with pytest.raises(Abandoned), abandonable([net], is_wanted):
        step(net, image)
    assert len(asked) == after + 1
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_afterwards_nobody_is_asked_any_more(net: nn.Sequential) -> None:
    asked: list[int] = []
    with abandonable([net], lambda: asked.append(1) is None):
        pass
    step(net, torch.randn(2, 1, 12, 12))
    assert asked == []


def test_other_errors_leave_things_as_they_are(net: nn.Sequential) -> None:
    before = net[1].running_mean.clone()
    with pytest.raises(ValueError, match="other"), abandonable([net], lambda: True):
        net(torch.randn(2, 1, 12, 12))
        raise ValueError("other")
    assert not torch.equal(net[1].running_mean, before)
