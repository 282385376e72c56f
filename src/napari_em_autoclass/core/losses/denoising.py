"""Make the clean section of a noisy one: the pre-training of Kazimi et al., with a judge if one is wanted.

The learned features come from the section in a random contrast with noise added; a small network has to make the
section as it is of them.  A second network, the judge, may look at patches of made and real sections and tell which is
which; what it finds is one more thing to mend.

Source: Kazimi et al. 2024, "Self-Supervised Learning with Generative Adversarial Networks for Electron Microscopy",
after Isola et al. 2017 (pix2pix), eq. 1 to 4; formulas re-implemented.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_em_autoclass.core.losses.base import LossTerm, Part, Sizes, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.decoder import Decoder
from napari_em_autoclass.core.losses.images import wide

__all__ = ["Denoising", "judged"]


class _DecoderAndJudge(nn.Module):
    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.decoder = Decoder(n_features, 1, width)
        # Each of its answers sees 22 x 22 pixels, some membranes: the 70 of the paper are for photographs.
        self.judge = nn.Sequential(
            nn.Conv2d(1, width // 2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width // 2, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, 4, padding=2),
        )


def judged(judge: nn.Module, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the judge costs the maker, and what it costs the judge itself, both in nats.

    Only `made` (B, 1, h, w) gets a gradient from the first, and only the judge from the second, so that one optimiser
    can lower both.  Each is ln 2 when the judge can't tell `made` from `real`.
    """
    fixed = {name: parameter.detach() for name, parameter in judge.named_parameters()}
    for_maker = functional_call(judge, fixed, (made,))
    on_made, on_real = judge(made.detach()), judge(real)
    ones = torch.ones_like(for_maker)
    told_apart = binary_cross_entropy_with_logits(on_made, 0 * ones) + binary_cross_entropy_with_logits(on_real, ones)
    return binary_cross_entropy_with_logits(for_maker, ones), told_apart / 2


class Denoising(LossTerm):
    """Make the clean section of a noisy one: the mean difference of made and real section, in spreads of the volume.

    0 when the section is made exactly; about 0.8 when only its mean is known, as from features that are the same
    everywhere.  Added to it is `judge` times what the judge costs, about 2 ln 2 when it can't tell.

    Source: Kazimi et al. 2024; Isola et al. 2017, eq. 4 with the weight on the second summand instead of the first.
    """

    samples_pixels = True
    kind: Literal["denoising"] = "denoising"
    """Make the clean section of a noisy one."""
    judge: float = Field(0.0, ge=0, le=10, json_schema_extra={"step": 0.01})
    """How much a second network counts that tells made sections from real ones; 0 has none, and takes half the time."""
    width: int = Field(16, ge=4, le=128)
    """Channels of the network that makes the section."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"sections"})

    def network(self, sizes: Sizes) -> nn.Module:
        """Return the network that makes sections, and the judge; it is always there, for it may be asked for later."""
        return _DecoderAndJudge(sizes.n_features, self.width)

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar, 0 or more; 0 without images."""
        if batch.sections is None or batch.features is None or not bool(batch.mask.any()):
            return absent(batch)
        networks = state.networks[self.kind]
        assert isinstance(networks, _DecoderAndJudge)
        mask = batch.mask[:, None]
        real = torch.where(mask, wide(batch.sections[:, :1].detach()), 0.0)  # (B, 1, h, w)
        made = torch.where(mask, networks.decoder(batch.features, batch.mask), 0.0)
        difference = (made - real).abs().sum() / batch.mask.sum()
        if self.judge == 0:
            return TermOut(difference)
        with torch.autocast(made.device.type, enabled=False):
            convinces, tells = judged(networks.judge, made, real)
        logs = {"difference": difference, "convinces_judge": convinces, "judge": tells}
        return TermOut(
            difference + self.judge * (convinces + tells), {name: float(x.detach()) for name, x in logs.items()}
        )
