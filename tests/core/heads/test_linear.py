from __future__ import annotations

import torch

from napari_em_autoclass.core.heads.linear import LinearHead, pointwise


def test_centres_put_in_give_the_nearest_centre() -> None:
    torch.manual_seed(0)
    head, centres, embedding = LinearHead(6, 4), torch.randn(4, 6), torch.randn(2, 6, 5, 7)
    head.set_centres(centres, 0.5)
    distances = ((embedding.movedim(1, -1)[..., None, :] - centres) ** 2).sum(dim=-1)  # (N, h, w, K)
    expected = (-distances / 2 / 0.5).softmax(dim=-1).movedim(-1, 1)
    torch.testing.assert_close(head(embedding).softmax(dim=1), expected)


def test_it_is_a_plain_convolution_so_that_weights_of_old_runs_fit() -> None:
    torch.manual_seed(0)
    plain = torch.nn.Conv2d(6, 4, 1)
    torch.manual_seed(0)
    head = LinearHead(6, 4)
    assert list(head.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(head.parameters(), plain.parameters(), strict=True))
    embedding = torch.randn(2, 6, 5, 7)
    assert torch.equal(head(embedding), plain(embedding))


def test_a_pointwise_product_is_the_convolution_of_one_pixel() -> None:
    torch.manual_seed(0)
    layer, maps = torch.nn.Conv2d(6, 4, 1), torch.randn(2, 6, 5, 7)
    torch.testing.assert_close(pointwise(layer, maps.movedim(1, -1)).movedim(-1, 1), layer(maps))


def test_classes_of_the_parts_are_those_of_the_standardised_whole() -> None:
    torch.manual_seed(0)
    head, parts = LinearHead(6, 4), (torch.randn(5, 7, 4), torch.randn(5, 7, 2))
    mean, scale = torch.randn(6), torch.rand(6) + 0.1
    whole = (torch.cat(parts, dim=-1) - mean) / scale
    torch.testing.assert_close(head.classify(parts, (4, 2), mean, scale), pointwise(head, whole))
