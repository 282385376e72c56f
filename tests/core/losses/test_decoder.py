from __future__ import annotations

import torch

from napari_em_autoclass.core.losses.decoder import Decoder


def test_an_output_sees_five_by_five_inputs() -> None:
    torch.manual_seed(0)
    values = torch.randn(1, 3, 15, 15, requires_grad=True)
    Decoder(3, 1, 8)(values, torch.ones(1, 15, 15, dtype=torch.bool))[0, 0, 7, 7].backward()
    assert values.grad is not None
    ys, xs = values.grad.abs().sum(dim=(0, 1)).nonzero(as_tuple=True)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (5, 9, 5, 9)


def test_masked_pixels_are_not_seen() -> None:
    torch.manual_seed(0)
    decoder = Decoder(3, 2, 8)
    mask = torch.rand(2, 12, 10) > 0.4
    values = torch.randn(2, 3, 12, 10)
    spoilt = torch.where(mask[:, None], values, torch.nan)
    assert torch.equal(decoder(values, mask), decoder(spoilt, mask))


def test_half_precision_in_gives_float32_out() -> None:
    values = torch.randn(1, 3, 8, 8).half()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert Decoder(3, 2, 8)(values, torch.ones(1, 8, 8, dtype=torch.bool)).dtype == torch.float32
