from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.predictor.local_attention import LocalAttentionPredictor
from napari_em_autoclass.core.predictor.neighbour_mean import copy_neighbours


def made(window_px: int = 3) -> LocalAttentionPredictor:
    torch.manual_seed(0)
    return LocalAttentionPredictor(n_classes=5, n_neighbours=2, width=8, window_px=window_px)


def maps(n: int = 2, side: int = 16) -> Tensor:
    return (3 * torch.randn((n, 2, 5, side, side), generator=torch.Generator().manual_seed(0))).softmax(dim=2)


@pytest.mark.parametrize("window_px", [3, 5])
def test_before_it_learned_anything_it_foretells_the_mean_of_neighbours_and_places(window_px: int) -> None:
    even = torch.eye(5)[1][None, None, :, None, None].expand(1, 2, 5, 16, 16)
    predictor = made(window_px)
    torch.testing.assert_close(predictor(even).softmax(dim=1)[:, 1], torch.full((1, 16, 16), 0.9996), atol=1e-4, rtol=0)
    given = maps()
    expected = torch.nn.functional.avg_pool2d(copy_neighbours(given), window_px, stride=1)
    reach = window_px // 2
    torch.testing.assert_close(predictor.copied(given)[..., reach:-reach, reach:-reach], expected)


@pytest.mark.parametrize(("window_px", "dy", "dx"), [(3, 1, -1), (5, -2, 1)])
def test_it_can_copy_a_neighbour_that_is_shifted(window_px: int, dy: int, dx: int) -> None:
    predictor, given = made(window_px), maps()
    reach = window_px // 2
    with torch.no_grad():
        predictor.place[0, (dy + reach) * window_px + dx + reach] = 50
    copied = predictor.copied(given)
    expected = given[:, 0].roll((-dy, -dx), dims=(2, 3))
    torch.testing.assert_close(copied[..., reach:-reach, reach:-reach], expected[..., reach:-reach, reach:-reach])


def test_what_it_copies_is_a_distribution() -> None:
    predictor = made()
    with torch.no_grad():
        for weight in predictor.parameters():
            weight.add_(torch.randn_like(weight))
    copied = predictor.copied(maps())
    assert (copied >= 0).all()
    torch.testing.assert_close(copied.sum(dim=1), torch.ones(2, 16, 16))


def test_every_weight_gets_a_gradient() -> None:
    predictor = made()
    with torch.no_grad():
        for weight in predictor.parameters():
            weight.add_(torch.randn_like(weight))
    predictor(maps()).square().sum().backward()
    without = [name for name, weight in predictor.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []


def test_it_learns_where_the_neighbour_lies() -> None:
    predictor = made()
    optimiser = torch.optim.Adam(predictor.parameters(), 0.02)
    wide = torch.nn.functional.interpolate(maps(4, 8).flatten(0, 1), scale_factor=4.0).unflatten(0, (4, 2))
    truth = wide[:, 1].roll((2, 0), dims=(2, 3))  # the second neighbour, moved by one place
    losses = []
    for _ in range(60):
        loss = -(truth * predictor(wide).log_softmax(dim=1)).sum(dim=1)[..., 4:-4, 4:-4].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    floor = -(truth * truth.log()).sum(dim=1)[..., 4:-4, 4:-4].mean()
    assert losses[-1] - float(floor) < 0.4 * (losses[0] - float(floor))
    assert predictor.place[1].argmax() == 1  # one row up, in the second neighbour
