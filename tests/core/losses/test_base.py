import pytest
import torch

from napari_em_autoclass.core.losses.balance import Balance
from napari_em_autoclass.core.losses.base import StepBatch, TrainState, absent, log_probs, masked_pixels


def test_log_probs_are_log_softmax_over_the_classes() -> None:
    logits = torch.tensor([0.0, 2.0, -1.0]).log1p().nan_to_num(0).reshape(1, 3, 1, 1)
    probs = log_probs(logits).exp()
    assert probs.sum() == pytest.approx(1)
    expected = logits.exp() / logits.exp().sum()
    torch.testing.assert_close(probs, expected)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)],
)
def test_log_probs_widen_but_never_narrow(given: torch.dtype, wanted: torch.dtype) -> None:
    assert log_probs(torch.zeros(1, 2, 3, 3, dtype=given)).dtype == wanted


def test_masked_pixels_are_rows_in_reading_order() -> None:
    values = torch.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    mask = torch.zeros(2, 2, 2, dtype=torch.bool)
    mask[0, 0, 1] = mask[1, 1, 0] = True
    torch.testing.assert_close(masked_pixels(values, mask), torch.stack([values[0, :, 0, 1], values[1, :, 1, 0]]))


def test_absent_is_zero_for_logits_whose_sum_overflows() -> None:
    logits = torch.full((1, 2, 64, 64), 60_000.0, dtype=torch.float16, requires_grad=True)
    loss = absent(StepBatch(logits, torch.ones(1, 64, 64, dtype=torch.bool))).loss
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize(
    ("fraction", "active"), [(0.0, False), (0.24, False), (0.25, True), (0.5, True), (0.75, True), (0.76, False)]
)
def test_a_term_counts_from_its_start_to_its_end(fraction: float, active: bool) -> None:
    assert Balance(start=0.25, end=0.75).is_active(fraction) is active


def test_a_term_of_weight_zero_never_counts() -> None:
    assert not Balance(weight=0).is_active(0.5)


def test_random_numbers_depend_on_seed_step_and_name_and_on_nothing_else() -> None:
    def drawn(step: int, seed: int, name: str) -> float:
        return float(torch.rand((), generator=TrainState(step, 0.5, seed=seed).generator(name)))

    assert drawn(3, 0, "pairs") == drawn(3, 0, "pairs")
    assert len({drawn(step, seed, name) for step in range(20) for seed in range(5) for name in ("a", "b")}) == 200


def test_log_probabilities_in_the_mask_are_made_once_and_pass_the_gradient_back() -> None:
    torch.manual_seed(0)
    logits, mask = torch.randn(2, 3, 4, 5, requires_grad=True), torch.rand(2, 4, 5) > 0.4
    batch = StepBatch(logits, mask)
    assert batch.log_p is batch.log_p
    expected = masked_pixels(log_probs(logits), mask)
    torch.testing.assert_close(batch.log_p, expected)
    torch.testing.assert_close(batch.p, expected.exp())
    ours = torch.autograd.grad(batch.log_p.square().sum(), logits, retain_graph=True)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(expected.square().sum(), logits)[0])
