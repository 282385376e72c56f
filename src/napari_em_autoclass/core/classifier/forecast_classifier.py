"""The learned classifier: features and forecasts of one section, and K classes from both.

The features carry what the section shows (membranes), the forecasts of the neighbouring sections' textures carry what
it means (organelles); the classes are linear in both, so that k-means centres can be put in as they are and then
trained.  Responses of the fixed filter bank stand beside the network's own features: what they know the network need
not learn again, which matters most while it is young (200 steps: flyem merged mIoU .730 with them, .705 without).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from napari_em_autoclass.core.classifier.backbones import make_backbone
from napari_em_autoclass.core.classifier.inside import inside, with_surroundings
from napari_em_autoclass.core.classifier.settings import ClassifierSettings
from napari_em_autoclass.core.filters import FilterBank
from napari_em_autoclass.core.heads import LinearHead, make_head
from napari_em_autoclass.core.heads.linear import pointwise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.classifier.filter_classifier import FilterClassifier

__all__ = ["ClassifierSettings", "ForecastClassifier"]

# On a processor: what is made of so many pixels' features, 1 MB at a time, stays in its cache, which halves the time.
_PIXELS_IN_CACHE = 4096


class ForecastClassifier(nn.Module):
    """One section in, K-way logits out, in one pass.

    Parameters
    ----------
    settings : kinds and sizes
    n_classes : K
    n_offsets : how many distances to neighbouring sections are foretold
    sigmas_px : scales of the filters beside the network, working pixels; none by default
    """

    def __init__(
        self, settings: ClassifierSettings, n_classes: int, n_offsets: int, sigmas_px: tuple[float, ...] = ()
    ) -> None:
        super().__init__()
        self.backbone = make_backbone(settings, sigmas_px)
        self.bank = FilterBank(sigmas_px) if sigmas_px else None
        n_responses = self.bank.n_channels if self.bank else 0
        n_features = settings.n_features + n_responses
        self.own = nn.Conv2d(n_features, settings.n_textons, 1)
        self.neighbours = nn.ModuleList(nn.Conv2d(n_features, settings.n_textons, 1) for _ in range(n_offsets))
        n_embedding = n_features + settings.n_textons
        self.head = make_head(
            settings.head, n_embedding, n_classes, settings.head_temperature, settings.slot_iterations
        )
        self._settings = settings
        self.mean: Tensor
        self.scale: Tensor
        self.bank_mean: Tensor
        self.bank_scale: Tensor
        self.register_buffer("mean", torch.zeros(n_embedding))
        self.register_buffer("scale", torch.ones(n_embedding))
        self.register_buffer("bank_mean", torch.zeros(n_responses))
        self.register_buffer("bank_scale", torch.ones(n_responses))

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""
        return self.backbone.stride

    @property
    def context(self) -> int:
        """Sections above and below that are seen beside the one to classify."""
        return self.backbone.context

    @property
    def radius_px(self) -> int:
        """How far from a pixel its class looks, in pixels."""
        return max(self.backbone.radius_px, self.bank.radius_px if self.bank else 0)

    def features(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return features (N, D, h, w) of what lies inside a margin of normalised sections (N, C, H, W).

        The learned ones come first, then the filters'; h and w are H and W less twice the margin.  C is
        ``2 * context + 1``: the section, between those around it if the network sees any.  A pixel's features lie side
        by side in memory (channels last), since all that follows works on pixels.
        """
        learned: Tensor = self.backbone(image, margin)
        if self.bank is None:
            return learned
        with torch.no_grad():
            middle, left = with_surroundings(image[:, self.context : self.context + 1], margin, self.bank.radius_px)
            responses = (inside(self.bank(middle), left) - self.bank_mean[:, None, None]) / self.bank_scale[
                :, None, None
            ]
        # To join maps of unlike layouts takes three times as long as to bring them to one before.
        beside = responses.to(learned.dtype).contiguous(memory_format=torch.channels_last)
        return torch.cat([learned.contiguous(memory_format=torch.channels_last), beside], dim=1)

    @torch.no_grad()
    def take_filters(self, textons: FilterClassifier) -> None:
        """Standardise the filter responses as `textons` does, which measured them on the volume."""
        if self.bank is not None:
            self.bank_mean.copy_(textons.mean)
            self.bank_scale.copy_(textons.scale)

    def forecast(self, features: Tensor) -> Tensor:
        """Return the foretold texture distribution (N, T, h, w) of the neighbours, averaged over distances."""
        return self._foretold(features.movedim(1, -1)).movedim(-1, 1)

    def textures(self, pixels: Tensor) -> list[Tensor]:
        """Return texture logits (N, T) of pixels (N, D): of their own section, then of those at each distance."""
        return [pointwise(head, pixels) for head in (self.own, *self._distances())]

    def _foretold(self, pixels: Tensor) -> Tensor:
        """Return the averaged distribution (..., T) of pixels (..., D)."""
        total, *others = [pointwise(head, pixels).softmax(dim=-1) for head in self._distances()]
        for probs in others:
            total = total + probs
        return total / len(self.neighbours)

    def _distances(self) -> list[nn.Conv2d]:
        return cast("list[nn.Conv2d]", list(self.neighbours))

    def embed(self, features: Tensor, forecast: Tensor | None = None) -> Tensor:
        """Return the standardised embedding (N, D + T, h, w): features, and the square root of the forecast.

        The square root makes Euclidean distance between distributions the Hellinger distance.  `forecast` may be given
        (for instance averaged over sections); otherwise it is the section's own.
        """
        foretold = self.forecast(features) if forecast is None else forecast
        joined = torch.cat([features, _rooted(foretold)], dim=1)  # (N, D + T, h, w)
        return (joined - self.mean[:, None, None]) / self.scale[:, None, None]

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, K, h, w) from features (N, D, h, w)."""
        if not isinstance(self.head, LinearHead):
            logits: Tensor = self.head(self.embed(features))
            return logits
        pixels = features.movedim(1, -1)  # (N, h, w, D)
        is_traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if torch.is_grad_enabled() or features.device.type != "cpu" or is_traced:
            return self._linear_classes(self.head, pixels).movedim(-1, 1)
        rows = pixels.reshape(-1, pixels.shape[-1])
        made = [self._linear_classes(self.head, some) for some in torch.split(rows, _PIXELS_IN_CACHE)]
        return torch.cat(made).reshape(*pixels.shape[:-1], -1).movedim(-1, 1)

    def _linear_classes(self, head: LinearHead, pixels: Tensor) -> Tensor:
        """Return logits (..., K) of pixels (..., D)."""
        parts = (pixels, _rooted(self._foretold(pixels)))
        return head.classify(parts, (self.own.in_channels, self.own.out_channels), self.mean, self.scale)

    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return logits (N, K, h, w) of what lies inside a margin of sections (N, C, H, W), see `features`."""
        return self.classify(self.features(image, margin))

    @torch.no_grad()
    def standardise(self, features: Sequence[Tensor], forecasts: Sequence[Tensor]) -> None:
        """Set mean and scale of the embedding from samples (n, D) and (n, T).

        Each feature is standardised by itself, the forecast as a whole (rare textures must not be blown up); then the
        parts are brought to their shares of a total variance of 1 (`ClassifierSettings`).
        """
        f, q = torch.cat(list(features)), torch.cat(list(forecasts)).clamp(min=1e-8).sqrt()
        n_learned, n_responses = self._settings.n_features, len(self.bank_mean)
        forecast_share, filter_share = (
            self._settings.forecast_share,
            self._settings.filter_share if n_responses else 0.0,
        )
        shares = torch.cat(
            [
                torch.full((n_learned,), (1 - forecast_share) * (1 - filter_share) / n_learned),
                torch.full((n_responses,), (1 - forecast_share) * filter_share / max(n_responses, 1)),
            ]
        ).to(f.device)  # (D,), the variance each feature is to have
        f_scale = f.std(dim=0).clamp(min=1e-4) / shares.clamp(min=1e-6).sqrt()  # (D,)
        q_scale = (q.var(dim=0).sum().clamp(min=1e-8) / max(forecast_share, 1e-4)).sqrt().expand(q.shape[1])  # (T,)
        self.mean.copy_(torch.cat([f.mean(dim=0), q.mean(dim=0)]))
        self.scale.copy_(torch.cat([f_scale, q_scale]))

    @torch.no_grad()
    def set_centres(self, centres: Tensor, temperature: float) -> None:
        """Make `centres` (K, D + T) of the embedding the classes: the nearest-centre rule, or the head's form of it."""
        self.head.set_centres(centres, temperature)


def _rooted(foretold: Tensor) -> Tensor:
    return foretold.clamp(min=1e-8).sqrt()
