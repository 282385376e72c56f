"""NT-Xent; NTX-1 and NTX-2 are the test vectors of the methods reference."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, Sizes, TrainState
from napari_em_autoclass.core.losses.contrast import Contrast, contrast_loss


def draw(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain(a: Tensor, b: Tensor, temperature: float, classes: tuple[Tensor, Tensor] | None = None) -> float:
    """Transcribe the formula of the paper: one row after the other, against all other rows of both sides."""
    rows, n = [row / row.norm() for row in torch.cat([a, b])], len(a)
    probs = None if classes is None else torch.cat(classes)
    total = 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        among = 0.0
        for j in range(2 * n):
            weight = 1.0 if probs is None or j == partner else 1 - float(probs[i] @ probs[j])
            among += weight * math.exp(float(rows[i] @ rows[j]) / temperature) if j != i else 0
        total += math.log(among) - float(rows[i] @ rows[partner]) / temperature
    return total / (2 * n)


def test_ntx_1_equal_vectors() -> None:
    same = torch.ones(4, 3, dtype=torch.float64)
    assert float(contrast_loss(same, same)) == pytest.approx(1.945910, abs=1e-6)


def test_ntx_2_equal_sides_with_rows_at_right_angles() -> None:
    rows = torch.eye(4, dtype=torch.float64)
    assert float(contrast_loss(rows, rows, 0.1)) == pytest.approx(2.72362e-4, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_equals_a_plain_loop(temperature: float) -> None:
    a, b = draw(12, 4, 1), draw(12, 4, 2)
    assert float(contrast_loss(a, b, temperature)) == pytest.approx(plain(a, b, temperature))


def test_equals_a_plain_loop_with_classes() -> None:
    a, b = draw(12, 4, 1), draw(12, 4, 2)
    classes = (draw(12, 3, 3).softmax(dim=1), draw(12, 3, 4).softmax(dim=1))
    assert float(contrast_loss(a, b, 0.2, classes)) == pytest.approx(plain(a, b, 0.2, classes))


def test_is_finite_at_the_least_temperature_with_partners_opposite_in_float32() -> None:
    a = torch.ones(600, 4, requires_grad=True)
    loss = contrast_loss(a, -a, 0.05)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(40 + math.log(599), rel=1e-3)
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()


def test_sides_pixels_and_lengths_do_not_matter() -> None:
    a, b = draw(12, 4, 1), draw(12, 4, 2)
    expected = contrast_loss(a, b)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(contrast_loss(b, a), expected)
    torch.testing.assert_close(contrast_loss(a[order], b[order]), expected)
    torch.testing.assert_close(contrast_loss(5 * a, 0.1 * b), expected)


def test_a_better_pairing_costs_less() -> None:
    a = draw(40, 8)
    values = [float(contrast_loss(a, a + noise * draw(40, 8, 1))) for noise in (0.0, 0.5, 2.0)]
    assert values[0] < values[1] < values[2]
    assert float(contrast_loss(a, a.roll(1, dims=0))) > values[2]


def test_near_collapse_steps_downhill_tell_the_pixels_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = 1 + 0.01 * torch.randn((20, 8), generator=generator, dtype=torch.float64)
    for _ in range(200):
        rows.requires_grad_()
        loss = contrast_loss(rows, rows)
        (slope,) = torch.autograd.grad(loss, rows)
        rows = (rows - 0.5 * slope).detach()
    assert float(loss.detach()) < 0.3 < 3 < math.log(39)


def test_pixels_of_other_classes_count_in_full_and_those_of_the_same_not_at_all() -> None:
    a, b = draw(5, 4, 1), draw(5, 4, 2)
    different, same = torch.eye(5, dtype=torch.float64), torch.eye(5, dtype=torch.float64)[:1].expand(5, 5)
    # The pixel in the other side is of the same class, but it is the partner.
    torch.testing.assert_close(contrast_loss(a, b, 0.1, (different, different)), contrast_loss(a, b, 0.1))
    assert float(contrast_loss(a, b, 0.1, (same, same))) == pytest.approx(0, abs=1e-12)


def test_classes_get_no_gradient(raw, state) -> None:
    leaves = raw.leaves()
    Contrast(by_class=True)(leaves.batch(), state).loss.backward()
    assert {n for n, v in leaves.values.items() if v.grad is not None} == {"features", "view_features"}


def test_classes_are_asked_for_only_if_they_count() -> None:
    assert Contrast().parts() == {"view"}
    assert Contrast(by_class=True, source="match").parts() == {"logits", "neighbour"}


def test_gradient_is_the_derivative_behind_a_network_too(flat_batch) -> None:
    term = Contrast(n_projected=3, source="neighbour")
    torch.manual_seed(0)
    network = term.network(Sizes(5, 5, 4))
    assert network is not None
    state = TrainState(1, 0.5, networks={term.kind: network.double()})
    rows = [draw(12, 5, seed).requires_grad_() for seed in (1, 2)]
    assert torch.autograd.gradcheck(lambda a, b: term(flat_batch(a, neighbour=b), state).loss, rows)


def test_a_network_of_its_own_is_trained_if_asked_for(raw) -> None:
    sizes = Sizes(n_classes=5, n_features=6, n_neighbours=4)
    assert Contrast().network(sizes) is None
    term = Contrast(n_projected=8)
    network = term.network(sizes)
    assert network is not None
    assert network(torch.zeros(3, 6)).shape == (3, 8)
    loss = term(raw.batch(), TrainState(1, 0.5, networks={term.kind: network})).loss
    loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())
    assert loss != term(raw.batch(), TrainState(1, 0.5)).loss


def test_matched_pixels_of_a_moved_section_are_known_again(raw, state) -> None:
    batch = raw.batch()
    moved = Seen(*(values.roll((2, -1), dims=(2, 3)) for values in (batch.features, batch.logits)))
    inner = torch.zeros_like(batch.mask)
    inner[:, 4:-4, 4:-4] = True
    batch = replace(batch, mask=inner, seen={"neighbour": moved})
    matched, straight = (Contrast(source=source)(batch, state).loss for source in ("match", "neighbour"))
    assert matched < 0.5 * straight


@pytest.mark.parametrize("temperature", [0.04, 1.1])
def test_an_impossible_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        Contrast(temperature=temperature)
