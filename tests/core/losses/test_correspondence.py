"""Feature correspondences; STEGO-1 is the test vector of the methods reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, StepBatch
from napari_em_autoclass.core.losses.correspondence import Correspondence, agreement_of, attraction

ONE_HOT = torch.block_diag(torch.ones(4, 4), torch.ones(4, 4))[None]  # (1, 8, 8)


def test_stego_1_pairs_that_agree_give_minus_a_half_others_nothing() -> None:
    loss = attraction(ONE_HOT, ONE_HOT, 0.5)
    assert (loss[ONE_HOT == 1] == -0.5).all()
    assert (loss[ONE_HOT == 0] == 0).all()


def test_stego_1_codes_that_disagree_get_no_gradient() -> None:
    code = torch.tensor([[[-0.5, 0.5]]], requires_grad=True)
    attraction(torch.tensor([[[0.1, 0.1]]]), code, 0.3).sum().backward()
    assert code.grad is not None
    assert code.grad.flatten().tolist() == pytest.approx([0.0, 0.2])


def test_agreement_is_the_cosine() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn((2, 4, 3), generator=generator), torch.randn((2, 5, 3), generator=generator)
    got = agreement_of(a, b, centred=False)
    assert got.shape == (2, 4, 5)
    x, y = a[1, 2].numpy(), b[1, 3].numpy()
    assert float(got[1, 2, 3]) == pytest.approx(float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)), abs=1e-6)


def test_centred_agreement_has_the_same_mean_in_each_row() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn((2, 4, 3), generator=generator), 2 + torch.randn((2, 5, 3), generator=generator)
    got, plain = agreement_of(a, b, centred=True), agreement_of(a, b, centred=False)
    torch.testing.assert_close(got.mean(dim=2), plain.mean().expand(2, 4))
    torch.testing.assert_close(got - got.mean(dim=2, keepdim=True), plain - plain.mean(dim=2, keepdim=True))


def plain_loss(looks: list[Tensor], codes: list[Tensor], repelled: tuple[float, float]) -> list[float]:
    """Transcribe the three kinds of pairs with loops; all pixels of all tiles, (T, n, C) and (T, n, D)."""

    def cosine(x: Tensor, y: Tensor) -> float:
        return float(x @ y / x.norm() / y.norm())

    def loss(side_a: int, side_b: int, turn: int, share: float) -> float:
        tiles, n = looks[0].shape[:2]
        pairs = [(t, i, (t - turn) % tiles, j) for t in range(tiles) for i in range(n) for j in range(n)]
        f = np.array([cosine(looks[side_a][t, i], looks[side_b][u, j]) for t, i, u, j in pairs]).reshape(tiles, n, n)
        s = np.array([cosine(codes[side_a][t, i], codes[side_b][u, j]) for t, i, u, j in pairs]).reshape(tiles, n, n)
        f = f - f.mean(axis=2, keepdims=True) + f.mean()
        return float(-((f - np.quantile(f, share, method="nearest")) * np.maximum(s, 0)).mean())

    near, far = repelled
    return [loss(0, 0, 0, near), loss(0, 1, 0, near), loss(0, 0, 1, far)]


def test_equals_a_plain_loop(state) -> None:
    generator = torch.Generator().manual_seed(0)
    features, beside, logits, logits_beside = torch.randn((4, 2, 5, 1, 1), generator=generator, dtype=torch.float64)
    mask = torch.ones(2, 1, 1, dtype=torch.bool)
    # One pixel a tile: whatever is drawn, it is this one.
    batch = StepBatch(logits, mask, features, {"neighbour": Seen(beside, logits_beside)})
    term = Correspondence(looks="features", n_pixels=16, near_repelled=0.5, far_repelled=0.25)
    out = term(batch, state)
    looks = [x.movedim(1, -1).flatten(1, 2) for x in (features, beside)]
    codes = [x.movedim(1, -1).flatten(1, 2).softmax(dim=-1) for x in (logits, logits_beside)]
    expected = plain_loss(looks, codes, (0.5, 0.25))
    assert [out.logs[name] for name in ("own", "neighbour", "other")] == pytest.approx(expected, abs=1e-9)
    weights = (0.67, 0.25, 0.63)
    mean = sum(w * x for w, x in zip(weights, expected, strict=True)) / sum(weights)
    assert float(out.loss) == pytest.approx(mean, abs=1e-9)


@pytest.fixture
def halves() -> Tensor:
    """Give two tiles of three equal sections (2, 3, 32, 32), dark on one side and bright on the other."""
    image = torch.zeros(2, 3, 32, 32)
    image[0, :, :, 16:] = image[1, :, :, :16] = 10.0
    return image


def value(labels: Tensor, sections: Tensor, state, n_classes: int = 2, **settings: object) -> float:
    logits = 40 * torch.eye(n_classes)[labels].movedim(-1, 1)  # (2, K, 32, 32)
    seen = {"neighbour": Seen(logits, logits)}
    mask = torch.ones(2, 32, 32, dtype=torch.bool)
    batch = StepBatch(logits, mask, logits, seen, sections=sections, offsets=(0, -1, 1), beside=2)
    return float(Correspondence(scales_nm=(8.0,), **settings)(batch, state).loss)


def test_classes_that_follow_looks_are_below_zero_others_higher(halves: Tensor, state) -> None:
    right = (halves[:, 0] > 5).long()
    by_row = (torch.arange(32) >= 16).long()[:, None].expand(2, 32, 32)
    shares = {"near_repelled": 0.4, "far_repelled": 0.4}  # each class is half of the image
    assert value(right, halves, state, **shares) < 0
    assert value(right, halves, state, **shares) < value(by_row, halves, state, **shares)


@pytest.mark.parametrize("trains", ["classes", "features"])
def test_one_class_everywhere_is_above_zero(halves: Tensor, state, trains: str) -> None:
    assert value(torch.zeros(2, 32, 32, dtype=torch.int64), halves, state, trains=trains) > 0.1


def test_undecided_pixels_are_as_bad_as_one_class(halves: Tensor, state) -> None:
    one = value(torch.zeros(2, 32, 32, dtype=torch.int64), halves, state)
    logits = torch.zeros(2, 2, 32, 32)
    seen = {"neighbour": Seen(logits, logits)}
    mask = torch.ones(2, 32, 32, dtype=torch.bool)
    undecided = StepBatch(logits, mask, logits, seen, sections=halves, offsets=(0, -1, 1), beside=2)
    assert float(Correspondence(scales_nm=(8.0,))(undecided, state).loss) == pytest.approx(one, abs=1e-5)


def test_gradient_reaches_what_is_trained_and_no_looks(raw, state) -> None:
    for trains, read in (("classes", {"logits", "neighbour"}), ("features", {"features", "neighbour_features"})):
        leaves = raw.leaves()
        term = Correspondence(looks="features", trains=trains)
        term(leaves.batch(), state).loss.backward()
        assert {name for name, leaf in leaves.values.items() if leaf.grad is not None} == read


def test_neighbour_is_left_out_of_filter_looks_if_it_is_not_known_which_it_is(raw, state) -> None:
    known, unknown = (Correspondence()(replace(raw.batch(), beside=beside), state) for beside in (2, None))
    assert set(known.logs) == {"own", "neighbour", "other"}
    assert set(unknown.logs) == {"own", "other"}


def test_one_tile_has_no_other_place(raw, state) -> None:
    one = raw.reordered(lambda values: values[:1])
    assert "other" not in Correspondence()(one.batch(), state).logs


def test_a_tile_without_a_valid_pixel_is_left_out(raw, state) -> None:
    batch = raw.batch()
    mask = batch.mask.clone()
    mask[1] = False
    assert torch.isfinite(Correspondence()(replace(batch, mask=mask), state).loss)
    assert Correspondence()(replace(batch, mask=torch.zeros_like(mask)), state).loss == 0


def test_reads_no_more_than_it_needs() -> None:
    assert Correspondence().parts() == {"logits", "neighbour", "sections"}
    assert Correspondence(looks="features", trains="features").parts() == {"neighbour"}
