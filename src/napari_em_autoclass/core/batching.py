"""From drawn tiles to what the loss terms read: the passes of the networks that the active terms ask for, no others.

Each pass has its own contrast, so that brightness can't carry a class's identity from one pass to another.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from napari_em_autoclass.core.device import autocast
from napari_em_autoclass.core.losses import Part, Seen, StepBatch
from napari_em_autoclass.core.predictor import prediction_skill
from napari_em_autoclass.core.regions import UNKNOWN
from napari_em_autoclass.core.views import change_contrast, turn, turn_back

if TYPE_CHECKING:
    from collections.abc import Set

    from torch import nn

    from napari_em_autoclass.core.classifier import ForecastClassifier
    from napari_em_autoclass.core.device import Device
    from napari_em_autoclass.core.mean_teacher import MeanTeacher
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.tile_source import DrawnTiles

__all__ = ["FROM_CLASS_MAPS", "FROM_NEIGHBOURS", "BatchMaker", "MadeBatch"]

FROM_CLASS_MAPS: frozenset[Part] = frozenset({"anchor", "predicted"})
"""Parts that are made from the frozen teacher's class maps, where there is one."""
FROM_NEIGHBOURS: frozenset[Part] = frozenset({"neighbour", "teacher_neighbour", "sections"})
"""Parts that are made from the images of neighbouring sections."""

_BORDER_PX = 8
_HIDDEN_SHARE = 0.4
_HIDDEN_PX = 16
_NTH = 2  # of rows and columns: enough to tell the skill of a step, which is only shown


class MadeBatch(NamedTuple):
    """A batch, the class of each pixel in the mask (N,) if the classifier was asked, and the predictor's skill."""

    batch: StepBatch
    labels: Tensor | None
    skill: float | None


class BatchMaker:
    """Makes the batch of a step.

    Parameters
    ----------
    student, predictor : in training mode when asked
    offsets : distances, in sections, that are foretold
    spacing_nm : between sections, and of a pixel
    device : where to compute
    """

    def __init__(
        self,
        student: ForecastClassifier,
        predictor: nn.Module,
        offsets: tuple[int, ...],
        spacing_nm: tuple[float, float],
        device: Device,
    ) -> None:
        self._student, self._predictor, self._device = student, predictor, device
        self._offsets, self._spacing_nm = offsets, spacing_nm

    def make(
        self,
        drawn: DrawnTiles,
        settings: RunSettings,
        parts: Set[Part],
        mean_teacher: MeanTeacher | None,
        generator: torch.Generator,
    ) -> MadeBatch:
        """Return the batch with all of `parts` that can be made of `drawn`.

        Parameters
        ----------
        drawn : tiles; with neighbours if a part in `FROM_NEIGHBOURS` is asked for
        settings, parts : of the step
        mean_teacher : needed for the parts "teacher" and "teacher_neighbour"
        generator : of the step
        """
        sections = drawn.sections.to(self._device.name)  # (B, S, C, H, W)
        views, image = settings.views, sections[:, 0]
        features = self._features(change_contrast(image, views, generator))  # (B, D, H, W)
        learned = features[:, : settings.classifier.n_features]
        forecasts = self._forecasts(features, drawn) if "forecasts" in parts else {}
        mask = _inner_mask(features)
        seen: dict[str, Seen] = {}
        if "view" in parts:
            seen["view"] = self._seen(change_contrast(image, views, generator), settings)
        labels = predicted = anchor = hidden = skill = None
        logits = features[:, :2]  # nobody reads them; see `losses.absent`
        if "logits" in parts:
            logits = self._student.classify(features)
            labels = logits.movedim(1, -1).argmax(dim=-1)[mask]
        if parts & FROM_CLASS_MAPS and (drawn.classes is not None or sections.shape[1] > 1):
            anchor, neighbours, known = self._neighbours(drawn, sections, settings, generator)
            predicted = self._predictor(neighbours)
            truth = logits.detach()[..., ::_NTH, ::_NTH].softmax(dim=1)
            told = neighbours.detach()[:, known, :, ::_NTH, ::_NTH]
            skill = prediction_skill(predicted.detach()[..., ::_NTH, ::_NTH], truth, told)
        if "turned" in parts:
            seen["turned"] = self._turned(image, settings, generator)
        if "masked" in parts:
            hidden = _hidden_blocks(len(image), image.shape[-2:], generator).to(image.device)
            seen["masked"] = self._seen(
                change_contrast(image, views, generator).masked_fill(hidden[:, None], 0.0), settings
            )
        # The nearest sections come first: above or below, by chance.
        beside = 1 + int(torch.randint(2, (), generator=generator)) if parts & FROM_NEIGHBOURS else 0
        if "neighbour" in parts:
            seen["neighbour"] = self._seen(change_contrast(sections[:, beside], views, generator), settings)
        if mean_teacher is not None:
            for part, at in (("teacher", 0), ("teacher_neighbour", beside)):
                if part in parts:
                    seen[part] = self._taught(mean_teacher, sections[:, at], settings)
        batch = StepBatch(
            logits,
            mask,
            learned,
            seen,
            hidden,
            sections[:, :, sections.shape[2] // 2] if "sections" in parts else None,
            (0, *(sign * offset for offset in self._offsets for sign in (-1, 1))),
            self._spacing_nm,
            predicted,
            anchor,
            forecasts,
            beside or None,
        )
        return MadeBatch(batch, labels, skill)

    # --- passes ------------------------------------------------------------------------------------------------------

    def _features(self, image: Tensor) -> Tensor:
        return self._device.ranks.gathered(partial(self._features_of, self._student), image)

    def _features_of(self, network: ForecastClassifier, image: Tensor) -> Tensor:
        with autocast(self._device):
            features = network.features(image)
        return features.float()

    def _seen(self, image: Tensor, settings: RunSettings) -> Seen:
        features = self._features(image)
        return Seen(features[:, : settings.classifier.n_features], self._student.classify(features))

    def _turned(self, image: Tensor, settings: RunSettings, generator: torch.Generator) -> Seen:
        symmetry = int(torch.randint(1, 8, (), generator=generator))
        turned = self._seen(turn(change_contrast(image, settings.views, generator), symmetry), settings)
        return Seen(*(turn_back(values, symmetry) for values in turned))

    @torch.no_grad()
    def _taught(self, mean_teacher: MeanTeacher, image: Tensor, settings: RunSettings) -> Seen:
        network = cast("ForecastClassifier", mean_teacher.network)
        features = self._device.ranks.gathered(partial(self._features_of, network), image)
        return Seen(features[:, : settings.classifier.n_features], network.classify(features))

    def _neighbours(
        self, drawn: DrawnTiles, sections: Tensor, settings: RunSettings, generator: torch.Generator
    ) -> tuple[Tensor | None, Tensor, slice]:
        """Return anchor labels (B, H, W), the neighbours' class probabilities (B, S - 1, K, H, W), and which are known.

        The network's own are those of one pair of neighbours, drawn anew each step: to classify all of them would take
        several times the rest of the step.  The others are undecided.
        """
        b, s = sections.shape[:2]
        if drawn.classes is not None:
            classes = drawn.classes.to(sections.device)  # (B, S, H, W)
            return classes[:, 0], _spread(classes[:, 1:], settings.n_classes), slice(None)
        first = 2 * int(torch.randint((s - 1) // 2, (), generator=generator))
        pair = slice(first, first + 2)
        with torch.set_grad_enabled(settings.predictor.reads == "student"):
            # The classes of a section need no other: a process has its share of all of them.
            logits = self._device.ranks.gathered(self._logits_of, sections[:, 1:][:, pair].flatten(0, 1))
        probs = logits.softmax(dim=1).reshape(b, 2, *logits.shape[1:])
        undecided = torch.full_like(probs[:, :1].detach(), 1 / settings.n_classes)
        before, after = undecided.expand(-1, first, -1, -1, -1), undecided.expand(-1, s - 3 - first, -1, -1, -1)
        return None, torch.cat([before, probs, after], dim=1), pair

    def _logits_of(self, images: Tensor) -> Tensor:
        return self._student.classify(self._features_of(self._student, images))

    def _forecasts(self, features: Tensor, drawn: DrawnTiles) -> dict[str, tuple[Tensor, Tensor]]:
        """Return logits (N, T) at the drawn pixels and the textons there: (N,), or (2, N) for below and above."""
        device, (b, _, h, w) = features.device, features.shape
        rows = (drawn.pixels + torch.arange(b)[:, None] * (h * w)).flatten().to(device)  # (B * n,)
        sampled = features.movedim(1, -1).flatten(0, 2).index_select(0, rows)  # (B * n, D)
        textons = {offset: labels.to(device) for offset, labels in drawn.textons.items()}
        own, *foretold = self._student.textures(sampled)
        out = {"own": (own, textons[0])}
        for logits, offset in zip(foretold, self._offsets, strict=True):
            out[f"z±{offset}"] = (logits, torch.stack([textons[-offset], textons[offset]]))
        return out


def _inner_mask(features: Tensor) -> Tensor:
    """Return (B, H, W) bool: pixels that see no padding.  Without it "near the edge" becomes a class."""
    mask = torch.zeros(features.shape[0], *features.shape[-2:], dtype=torch.bool, device=features.device)
    mask[:, _BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
    return mask


def _spread(classes: Tensor, n_classes: int) -> Tensor:
    """Return probabilities (B, S, K, H, W): 1 at the class in `classes` (B, S, H, W), undecided where it is unknown."""
    at = classes.permute(0, 2, 3, 1)[..., None]  # (B, H, W, S, 1): a pixel's probabilities side by side in memory
    unknown = at == UNKNOWN
    rest = unknown / n_classes
    # Written once, in float: one-hot numbers of 64 bits took a fifth of all the memory that a step moves.
    probs = rest.expand(*at.shape[:-1], n_classes).contiguous()
    return probs.scatter_(-1, at.clamp(min=0), rest.masked_fill(~unknown, 1.0)).permute(0, 3, 4, 1, 2)


def _hidden_blocks(n: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return (n, H, W) bool: blocks hidden at random."""
    blocks = torch.rand((n, 1, -(-shape[0] // _HIDDEN_PX), -(-shape[1] // _HIDDEN_PX)), generator=generator)
    fine = interpolate((blocks < _HIDDEN_SHARE).float(), scale_factor=float(_HIDDEN_PX), mode="nearest")
    return fine[:, 0, : shape[0], : shape[1]].bool()
