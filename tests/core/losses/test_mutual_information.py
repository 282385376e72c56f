"""Mutual information of class pairs; MI-1 to MI-6 are the test vectors of the methods reference.

The formula adds 1e-9 to each cell of the joint distribution (a gradient needs it), which moves the values by about
20e-9 per cell: 1e-5 at 20 classes.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.mutual_information import (
    NeighbourInformation,
    ViewInformation,
    displaced_information_loss,
    mutual_information_loss,
)


def sure(n_classes: int, repeats: int = 10) -> Tensor:
    return torch.eye(n_classes, dtype=torch.float64).repeat(repeats, 1)


def blurred(n_classes: int) -> Tensor:
    """Give rows with 0.9 for the own class and the rest spread over the others."""
    own = torch.eye(n_classes, dtype=torch.float64)
    return 0.9 * own + 0.1 / (n_classes - 1) * (1 - own)


def information(a: Tensor, b: Tensor) -> float:
    return -float(mutual_information_loss(a, b))


def plain_information(a: Tensor, b: Tensor) -> float:
    """Transcribe the definition, cell by cell, without the 1e-9."""
    n, k = a.shape
    joint = [
        [sum(float(a[i, r] * b[i, c] + a[i, c] * b[i, r]) for i in range(n)) / 2 / n for c in range(k)]
        for r in range(k)
    ]
    marginal = [sum(row) for row in joint]
    return sum(
        cell * math.log(cell / marginal[r] / marginal[c])
        for r, row in enumerate(joint)
        for c, cell in enumerate(row)
        if cell > 0
    )


@pytest.mark.parametrize("n_classes", [2, 10, 20, 50])
def test_mi_1_equal_sure_balanced_classes_give_ln_k(n_classes: int) -> None:
    pairs = sure(n_classes)
    assert information(pairs, pairs) == pytest.approx(math.log(n_classes), abs=2.5e-8 * n_classes**2)


def test_mi_2_marginal_weight_counts_the_marginals_twice() -> None:
    loss = mutual_information_loss(sure(20), sure(20), marginal_weight=1.5)
    assert float(loss) == pytest.approx(-5.991465, abs=2e-5)


def test_mi_3_sure_against_blurred() -> None:
    assert information(sure(20, 1), blurred(20)) == pytest.approx(2.376205, abs=1e-5)


def test_mi_4_blurred_against_itself() -> None:
    assert information(blurred(20), blurred(20)) == pytest.approx(1.952380, abs=1e-5)


def test_mi_5_undecided_pixels_share_nothing() -> None:
    uniform = torch.full((40, 20), 1 / 20, dtype=torch.float64)
    assert information(uniform, uniform) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("n_classes", [2, 20])
def test_mi_5_equal_rows_share_nothing(n_classes: int) -> None:
    row = torch.linspace(1, 3, n_classes, dtype=torch.float64)
    rows = (row / row.sum()).expand(40, n_classes)
    assert information(rows, rows) == pytest.approx(0, abs=1e-8 * n_classes**2)


def test_mi_5_one_class_everywhere_shares_nothing() -> None:
    one = sure(20)[:1].expand(40, 20)
    assert information(one, one) == pytest.approx(0, abs=1e-5)


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn((50, 6), generator=generator, dtype=torch.float64)
    noise = torch.randn((50, 6), generator=generator, dtype=torch.float64)
    return logits.softmax(dim=1), (logits + noise).softmax(dim=1)


def test_mi_6_order_of_pixels_sides_and_classes_does_not_matter(pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    expected = information(a, b)
    assert expected > 0.1
    generator = torch.Generator().manual_seed(2)
    pixels, classes = torch.randperm(50, generator=generator), torch.randperm(6, generator=generator)
    assert information(a[pixels], b[pixels]) == pytest.approx(expected, abs=1e-12)
    assert information(b, a) == pytest.approx(expected, abs=1e-12)
    assert information(a[:, classes], b[:, classes]) == pytest.approx(expected, abs=1e-12)


def test_pairing_matters(pair: tuple[Tensor, Tensor]) -> None:
    a, b = pair
    assert information(a, b.roll(1, dims=0)) < 0.5 * information(a, b)


def test_equals_a_plain_loop(pair: tuple[Tensor, Tensor]) -> None:
    assert information(*pair) == pytest.approx(plain_information(*pair), abs=1e-6)


def test_fewer_classes_in_use_share_less() -> None:
    values = [information(sure(8)[torch.arange(48) % n], sure(8)[torch.arange(48) % n]) for n in (8, 4, 2, 1)]
    assert values[0] > values[1] > values[2] > values[3]


@pytest.mark.parametrize(("a", "b"), [((4, 3), (4, 2)), ((4, 3), (5, 3)), ((1, 3, 2, 2), (1, 3, 2, 2))])
def test_tensors_that_are_not_paired_pixels_are_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"one shape \(N, K\)"):
        mutual_information_loss(torch.ones(a), torch.ones(b))


TERMS = [(NeighbourInformation, "predicted_logits"), (ViewInformation, "view")]


@pytest.mark.parametrize(("term", "partner"), TERMS)
def test_terms_are_ln_k_below_zero_at_the_optimum_and_zero_at_collapse(flat_batch, state, term, partner: str) -> None:
    good, collapsed = 60 * torch.eye(20).repeat(4, 1), 60 * torch.eye(20)[:1].repeat(80, 1)
    at_optimum, at_collapse = (term()(flat_batch(x, **{partner: x}), state).loss for x in (good, collapsed))
    assert float(at_optimum) == pytest.approx(-math.log(20), abs=2e-5)
    assert float(at_collapse) == pytest.approx(0, abs=2e-5)


@pytest.mark.parametrize(("term", "partner"), TERMS)
def test_terms_read_their_own_partner_only(raw, state, term, partner: str) -> None:
    leaves = raw.leaves()
    term()(leaves.batch(), state).loss.backward()
    assert {name for name, value in leaves.values.items() if value.grad is not None} == {"logits", partner}


@pytest.mark.parametrize(("term", "partner"), TERMS)
def test_logs_the_share_of_the_maximum(flat_batch, state, term, partner: str) -> None:
    good = 60 * torch.eye(20).repeat(4, 1)
    logs = term()(flat_batch(good, **{partner: good}), state).logs
    assert logs["share_of_maximum"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("term", "partner"), TERMS)
@pytest.mark.parametrize("weight", [0.4, 3.1])
def test_an_impossible_marginal_weight_is_refused(term, partner: str, weight: float) -> None:
    with pytest.raises(ValueError, match="marginal_weight"):
        term(marginal_weight=weight)


# --- displacements ---------------------------------------------------------------------------------------------------


def maps(seed: int, n_classes: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn((3, n_classes, 9, 11), generator=generator, dtype=torch.float64)).softmax(dim=1)


def test_without_a_displacement_it_is_the_information_of_the_pixels() -> None:
    a, b, mask = maps(0), maps(1), torch.rand((3, 9, 11), generator=torch.Generator().manual_seed(2)) > 0.3
    expected = mutual_information_loss(a.movedim(1, -1)[mask], b.movedim(1, -1)[mask])
    torch.testing.assert_close(displaced_information_loss(a, b, mask, 0), expected)


@pytest.mark.parametrize("shift", [1, 2])
@pytest.mark.parametrize("weight", [1.0, 1.5])
def test_equals_a_plain_loop_over_displacements(shift: int, weight: float) -> None:
    a, b, mask = maps(0), maps(1), torch.rand((3, 9, 11), generator=torch.Generator().manual_seed(2)) > 0.3
    values = []
    for dy in range(-shift, shift + 1):
        for dx in range(-shift, shift + 1):
            pairs = [
                (a[t, :, y, x], b[t, :, y + dy, x + dx])
                for t, y, x in mask.nonzero().tolist()
                if 0 <= y + dy < 9 and 0 <= x + dx < 11 and mask[t, y + dy, x + dx]
            ]
            ours, theirs = (torch.stack(side) for side in zip(*pairs, strict=True))
            values.append(mutual_information_loss(ours, theirs, weight))
    torch.testing.assert_close(displaced_information_loss(a, b, mask, shift, weight), torch.stack(values).mean())


def checkered(block: int) -> Tensor:
    """Give one tile (1, 2, 24, 24) of sure squares of so many pixels."""
    y, x = torch.meshgrid(torch.arange(24) // block, torch.arange(24) // block, indexing="ij")
    return torch.eye(2)[(y + x) % 2].movedim(-1, 0)[None]


def test_regions_are_better_than_speckle() -> None:
    mask = torch.ones(1, 24, 24, dtype=torch.bool)
    speckle = torch.eye(2)[torch.randint(2, (1, 24, 24), generator=torch.Generator().manual_seed(0))].movedim(-1, 1)
    costs = [float(displaced_information_loss(m, m, mask, 2)) for m in (checkered(12), checkered(6), speckle)]
    assert costs == sorted(costs)
    assert costs[0] < -0.3
    assert costs[2] > -0.1
    assert -math.log(2) < costs[0]


@pytest.mark.parametrize(
    "collapsed", [torch.full((1, 4, 8, 8), 0.25), torch.eye(4)[:1, :, None, None].repeat(1, 1, 8, 8)]
)
def test_collapsed_maps_share_nothing_at_any_displacement(collapsed: Tensor) -> None:
    mask = torch.ones(1, 8, 8, dtype=torch.bool)
    assert float(displaced_information_loss(collapsed, collapsed, mask, 1)) == pytest.approx(0, abs=1e-6)


def test_nothing_within_the_mask_shares_nothing() -> None:
    mask = torch.zeros(3, 9, 11, dtype=torch.bool)
    assert float(displaced_information_loss(maps(0), maps(1), mask, 1)) == pytest.approx(0, abs=1e-6)


def test_gradient_of_displaced_information_is_the_derivative() -> None:
    mask = torch.rand((3, 5, 4), generator=torch.Generator().manual_seed(2)) > 0.3
    a, b = (maps(s)[:, :, :5, :4].clone().requires_grad_() for s in (0, 1))
    assert torch.autograd.gradcheck(lambda x, y: displaced_information_loss(x, y, mask, 1), (a, b))


# --- settings of the term --------------------------------------------------------------------------------------------


def test_the_term_reads_the_source_it_is_given(raw, state) -> None:
    leaves = raw.leaves()
    term = ViewInformation(source="turned")
    term(leaves.batch(), state).loss.backward()
    assert {name for name, value in leaves.values.items() if value.grad is not None} == {"logits", "turned"}
    assert term.parts() == {"logits", "turned"}


def test_the_term_is_the_displaced_information(raw, state) -> None:
    batch = raw.batch()
    expected = displaced_information_loss(
        batch.seen["view"].logits.softmax(dim=1), batch.logits.softmax(dim=1), batch.mask, 1
    )
    torch.testing.assert_close(ViewInformation(shift_px=1)(batch, state).loss, expected)


def with_head(term: ViewInformation, width: int = 6) -> TrainState:
    torch.manual_seed(0)
    return TrainState(10, 0.5, networks={term.kind: term.network(Sizes(5, width, 4))})


def test_there_is_no_second_head_unless_asked_for() -> None:
    assert ViewInformation().network(Sizes(5, 6, 4)) is None
    assert ViewInformation(over_classes=12).network(Sizes(5, 6, 4))(torch.zeros(7, 6)).shape == (7, 12)


def test_the_second_head_counts_as_much_as_the_first(raw, state) -> None:
    term, batch = ViewInformation(over_classes=12), raw.batch()
    with_it = with_head(term)
    head = with_it.networks[term.kind]
    sides = [f.movedim(1, -1)[batch.mask] for f in (batch.seen["view"].features, batch.features)]
    finer = mutual_information_loss(*(head(side).softmax(dim=1) for side in sides))
    first = ViewInformation()(batch, state).loss
    torch.testing.assert_close(term(batch, with_it).loss, (first + finer) / 2)


def test_the_second_head_and_the_features_learn(raw) -> None:
    term, leaves = ViewInformation(over_classes=12), raw.leaves()
    with_it = with_head(term)
    term(leaves.batch(), with_it).loss.backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in with_it.networks[term.kind].parameters())
    reached = {name for name, value in leaves.values.items() if value.grad is not None}
    assert reached == {"logits", "view", "features", "view_features"}


def test_the_optimum_with_a_second_head() -> None:
    # Four directions, each a class of the first head and of the second.
    rows = 60 * torch.eye(4).repeat(20, 1)
    as_map = rows.T[None, :, None, :]
    batch = StepBatch(as_map, torch.ones(1, 1, 80, dtype=torch.bool), as_map, {"view": Seen(as_map, as_map)})
    term = ViewInformation(over_classes=4)
    with_it = with_head(term, 4)
    head = with_it.networks[term.kind]
    with torch.no_grad():
        head.weight.copy_(torch.eye(4))
        head.bias.zero_()
    assert float(term(batch, with_it).loss.detach()) == pytest.approx(-math.log(4), abs=1e-5)
