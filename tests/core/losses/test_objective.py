"""The weighted sum, which lives in `losses/__init__`."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from napari_em_autoclass.core.losses import LossTerm, StepBatch, TermOut, TrainState, objective
from napari_em_autoclass.core.losses.anchor import Anchor
from napari_em_autoclass.core.losses.balance import Balance
from napari_em_autoclass.core.losses.confidence import Confidence
from napari_em_autoclass.core.losses.mutual_information import ViewInformation


class Trap(LossTerm):
    """A term that must not be evaluated."""

    kind: Literal["trap"] = "trap"

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        raise AssertionError("evaluated")


def test_total_is_the_weighted_sum_of_the_parts(raw, state: TrainState) -> None:
    terms = (Anchor(weight=0.5), ViewInformation(weight=2.0), Balance(weight=3.0), Confidence(weight=0.125))
    out = objective(terms, raw.batch(), state)
    assert list(out.parts) == ["anchor", "view_information", "balance", "confidence"]
    for term in terms:
        assert out.parts[term.kind] == pytest.approx(float(term(raw.batch(), state).loss))
    assert float(out.total) == pytest.approx(sum(term.weight * out.parts[term.kind] for term in terms), rel=1e-6)


def test_gradient_of_the_total_is_the_weighted_sum_of_gradients(raw, state: TrainState) -> None:
    terms = (Anchor(weight=0.5), Balance(weight=3.0))
    together = raw.leaves()
    objective(terms, together.batch(), state).total.backward()
    expected = torch.zeros_like(raw.values["logits"])
    for term in terms:
        alone = raw.leaves()
        term(alone.batch(), state).loss.backward()
        expected += term.weight * alone.values["logits"].grad
    torch.testing.assert_close(together.values["logits"].grad, expected)


@pytest.mark.parametrize("trap", [Trap(weight=0), Trap(start=0.6), Trap(end=0.4)], ids=["weight 0", "early", "late"])
def test_terms_that_do_not_count_are_not_evaluated(raw, state: TrainState, trap: Trap) -> None:
    assert set(objective((trap, Confidence()), raw.batch(), state).parts) == {"confidence"}


def test_a_term_that_counts_is_evaluated(raw, state: TrainState) -> None:
    with pytest.raises(AssertionError, match="evaluated"):
        objective((Trap(),), raw.batch(), state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_without_terms_the_total_is_a_zero_that_can_go_backward(dtype: torch.dtype, state: TrainState) -> None:
    # Two tiles of logits as they come from k-means centres: their sum is beyond float16.
    logits = torch.full((2, 5, 64, 64), -30.0, dtype=dtype, requires_grad=True)
    out = objective((), StepBatch(logits, torch.ones(2, 64, 64, dtype=torch.bool)), state)
    out.total.backward()
    assert out.total == 0
    assert out.parts == {}
    assert logits.grad is not None
    assert not logits.grad.any()
