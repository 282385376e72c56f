from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.heads.cosine import CosineHead


def made() -> CosineHead:
    torch.manual_seed(0)
    return CosineHead(6, 4)


def test_logits_are_cosines_over_the_temperature() -> None:
    head, embedding = made(), torch.randn(2, 6, 5, 7)
    expected = torch.cosine_similarity(embedding[:, None], head.weight[None, :, :, None, None], dim=2) / 0.1
    torch.testing.assert_close(head(embedding), expected)


def test_centres_put_in_are_their_own_class_at_full_logit() -> None:
    head, centres = made(), torch.randn(4, 6)
    head.set_centres(centres, 123.0)  # another temperature does not change it
    logits = head(centres.T[None, :, :, None])[0, :, :, 0]  # (K, 4)
    torch.testing.assert_close(logits.diagonal(), torch.full((4,), 10.0))
    assert torch.equal(logits.argmax(dim=0), torch.arange(4))


@pytest.mark.parametrize("size", [1e-3, 1e4])
def test_only_the_direction_of_pixels_and_prototypes_counts(size: float) -> None:
    head, embedding = made(), torch.randn(2, 6, 5, 7)
    logits = head(embedding)
    torch.testing.assert_close(head(embedding * size), logits)
    with torch.no_grad():
        head.weight.mul_(size)
    torch.testing.assert_close(head(embedding), logits)
    assert float(logits.detach().abs().max()) <= 10.00001


def test_an_embedding_of_zeros_is_undecided() -> None:
    assert torch.equal(made()(torch.zeros(1, 6, 2, 2)), torch.zeros(1, 4, 2, 2))
