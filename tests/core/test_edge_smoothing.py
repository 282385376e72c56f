from __future__ import annotations

import pytest
import torch

from napari_em_autoclass.core.edge_smoothing import smoothed, smoothing_steps_px


@pytest.mark.parametrize(
    ("reach_nm", "pixel_nm", "steps"),
    [(32.0, 8.0, (1, 2, 4)), (32.0, 10.0, (1, 3)), (8.0, 8.0, (1,)), (0.0, 8.0, ()), (32.0, 100.0, ())],
)
def test_steps_halve_from_the_reach_to_a_pixel(reach_nm: float, pixel_nm: float, steps: tuple[int, ...]) -> None:
    assert smoothing_steps_px(reach_nm, pixel_nm) == steps


def test_grain_goes_and_a_thin_line_stays() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.full((3, 40, 40), 0.4)
    clean[:, :, 20:22] = -0.6  # a membrane two pixels wide
    grainy = clean + 0.1 * torch.randn(clean.shape, generator=generator)
    smooth = smoothed(grainy, grainy, (1, 2, 4))
    assert (smooth - clean).square().mean() < 0.2 * (grainy - clean).square().mean()
    assert smooth[:, :, 20:22].mean() == pytest.approx(-0.6, abs=0.03)


def test_without_steps_nothing_changes() -> None:
    embedding = torch.randn(4, 7, 9)
    assert torch.equal(smoothed(embedding, embedding, ()), embedding)


def test_a_uniform_embedding_and_maps_smaller_than_a_step_stay() -> None:
    torch.testing.assert_close(smoothed(torch.ones(2, 9, 9), torch.ones(2, 9, 9), (1, 4)), torch.ones(2, 9, 9))
    tiny = torch.randn(2, 3, 1)
    assert smoothed(tiny, tiny, (4,)).shape == tiny.shape


def test_the_input_is_left_as_it_was() -> None:
    embedding = torch.randn(4, 8, 8)
    before = embedding.clone()
    smoothed(embedding, embedding, (1, 2))
    assert torch.equal(embedding, before)


def test_it_does_not_depend_on_the_direction() -> None:
    embedding = 0.2 * torch.randn(3, 16, 16)
    quarter = embedding.rot90(1, (1, 2))
    turned = smoothed(quarter, quarter, (1, 2)).rot90(-1, (1, 2))
    torch.testing.assert_close(turned, smoothed(embedding, embedding, (1, 2)))


def test_what_is_linear_in_the_embedding_can_be_smoothed_instead_of_it() -> None:
    generator = torch.Generator().manual_seed(0)
    embedding = 0.05 * torch.randn(40, 12, 12, generator=generator)
    head = torch.randn(5, 40, generator=generator)
    before = torch.einsum("ke,ehw->khw", head, smoothed(embedding, embedding, (1, 2)))
    after = smoothed(torch.einsum("ke,ehw->khw", head, embedding), embedding, (1, 2))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-4)
