from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.heads.linear import LinearHead
from napari_em_autoclass.core.heads.slots import SlotHead, attention

E, K = 8, 5


def made(iterations: int = 2, gate: float = 0.5) -> SlotHead:
    torch.manual_seed(0)
    head = SlotHead(E, K, iterations)
    head.set_centres(torch.randn(K, E), 0.3)
    with torch.no_grad():
        head.gate.fill_(gate)
    return head


def tiles(n: int = 3, seed: int = 1) -> Tensor:
    return torch.randn((n, E, 12, 16), generator=torch.Generator().manual_seed(seed))


def test_shares_sum_to_one_over_slots_and_weights_over_pixels() -> None:
    shares, weights = attention(torch.randn(3, 50, K, dtype=torch.float64))
    torch.testing.assert_close(shares.sum(dim=2), torch.ones(3, 50, dtype=torch.float64))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3, K, dtype=torch.float64))


def test_weights_of_a_slot_that_nobody_wants_are_even() -> None:
    scores = torch.zeros(1, 50, K)
    scores[..., 0] = -1000
    torch.testing.assert_close(attention(scores)[1][0, :, 0], torch.full((50,), 1 / 50))


@pytest.mark.parametrize("iterations", [1, 3])
def test_slots_in_another_order_come_out_in_that_order(iterations: int) -> None:
    head = made(iterations)
    slots, order = torch.randn(K, E), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(head.adapted(tiles(), slots[order]), head.adapted(tiles(), slots)[:, order])


def test_pixels_in_another_order_change_no_slot_and_are_classified_in_that_order() -> None:
    head, slots = made(), torch.randn(K, E)
    order = torch.randperm(12 * 16, generator=torch.Generator().manual_seed(2))
    shuffled = tiles().flatten(2)[..., order].reshape(3, E, 12, 16)
    torch.testing.assert_close(head.adapted(shuffled, slots), head.adapted(tiles(), slots))
    shares, _ = attention(tiles().flatten(2).mT @ slots.T)
    again, _ = attention(shuffled.flatten(2).mT @ slots.T)
    torch.testing.assert_close(again, shares[:, order])


@pytest.mark.parametrize("is_training", [True, False])
def test_before_it_learned_to_adapt_it_is_the_nearest_centre_rule(is_training: bool) -> None:
    head, plain, centres = made().train(is_training), LinearHead(E, K), torch.randn(K, E)
    for each in (head, plain):
        each.set_centres(centres, 0.3)
    assert float(head.gate.detach()) == 0
    torch.testing.assert_close(head(tiles()), plain(tiles()))


def test_in_training_slots_follow_the_tile() -> None:
    head = made().train()
    together, alone = head(tiles()), head(tiles()[:1])
    torch.testing.assert_close(together[:1], alone)  # each tile has its own
    one = tiles()[:1]
    other = torch.cat([one[..., :6, :], 5 + tiles(1, seed=3)[..., 6:, :]], dim=2)  # another lower half
    assert not torch.allclose(head(one)[..., :6, :], head(other)[..., :6, :], atol=1e-3)


def test_two_halves_are_classified_as_the_whole() -> None:
    head = made().train()
    head(tiles())
    head.eval()
    assert float(head.shift.abs().max()) > 1e-3  # it has adapted
    whole = head(tiles())
    torch.testing.assert_close(torch.cat([head(tiles()[..., :6, :]), head(tiles()[..., 6:, :])], dim=2), whole)
    assert torch.equal(head(tiles()), whole)


def test_in_evaluation_slots_are_the_running_mean_of_the_adapted_ones() -> None:
    head = made().train()
    with torch.no_grad():
        slots = head.weight * head.temperature
        wanted = slots + head.gate * (head.adapted(tiles()[..., ::2, ::2], slots) - slots).mean(dim=0)
        for _ in range(200):
            head(tiles())
    torch.testing.assert_close(slots + head.shift, wanted)
    head.eval()
    pixels = wanted.T[None, :, :, None]
    scores = head(pixels)[0, :, :, 0]
    assert torch.equal(scores.argmax(dim=0), torch.arange(K))


def test_every_weight_gets_a_gradient_once_the_gate_is_open() -> None:
    head = made().train()
    (head(tiles()) * torch.randn(3, K, 12, 16)).sum().backward()
    without = [name for name, weight in head.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []


def test_a_closed_gate_learns_to_open() -> None:
    head = made(gate=0.0).train()
    (head(tiles()) * torch.randn(3, K, 12, 16)).sum().backward()
    assert head.gate.grad is not None
    assert float(head.gate.grad.abs()) > 0


def test_half_precision_around_it_changes_nothing() -> None:
    head = made().eval()
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(tiles())
    assert logits.dtype == torch.float32
    assert torch.equal(logits, head(tiles()))
