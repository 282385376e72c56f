"""Which of the classifiers that a run made is best, told without labels.

A short run on a small stack can end with a network that knows less than the filters it began with, and refining can
smooth away what the clusters had found.  Cross-slice explained variance (`scores.label_free.csev`), on filters that no
classifier was trained on, rejects what is clearly worse; near-equals it can't rank, so the last result stands unless
another one is better by a margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.held_out_bank import CHANNELS, held_out_features
from napari_em_autoclass.core.scores.label_free import csev, sample_boxes
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["MARGIN", "Judge", "choose", "clearly_best"]

MARGIN = 0.03
"""How much more variance another classifier must explain to be preferred."""

_N_PATCHES = 12
_SIDE_PX = 128
# What lies around a patch is shown to the classifier too, so that its edge is judged like its middle.
_HALO_PX = 64


@dataclass(frozen=True)
class _Patch:
    """A patch with its surroundings (1, C, H, W), and held-out features (C, N) of it and of the next section."""

    image: Tensor
    inner: tuple[slice, slice]
    same: NDArray[np.float32]
    following: NDArray[np.float32]


def choose(working: WorkingVolume | Sequence[WorkingVolume], made: Mapping[str, nn.Module]) -> str:
    """Return the name of the classifier that explains the volume best, see `clearly_best`.

    Parameters
    ----------
    working : the volume, or several
    made : classifiers in evaluation mode by name, the one that stands first
    """
    judge = Judge(working, max(_context(classifier) for classifier in made.values()))
    return clearly_best({name: judge.score(classifier) for name, classifier in made.items()})


class Judge:
    """Scores classifiers on the same patches of a volume.

    Parameters
    ----------
    working : the volume, of at least two sections, or several
    context : sections on either side of a patch that are kept for classifiers that see them
    """

    def __init__(self, working: WorkingVolume | Sequence[WorkingVolume], context: int = 0) -> None:
        workings = working if isinstance(working, Sequence) else (working,)
        n_patches = -(-_N_PATCHES // len(workings))
        self._patches = [patch for each in workings for patch in _patches(each, n_patches, context)]
        self._context = context

    @torch.no_grad()
    def score(self, classifier: nn.Module) -> float:
        """Return the cross-slice explained variance, 0 to 1, of a classifier in evaluation mode."""
        device = next(iter(classifier.state_dict().values())).device
        unseen = self._context - _context(classifier)
        maps = []
        for patch in self._patches:
            image = patch.image[:, unseen : patch.image.shape[1] - unseen].to(device)
            maps.append(classifier(image).argmax(dim=1)[0][patch.inner].flatten().cpu().numpy())
        same, following = (
            np.concatenate([getattr(patch, side) for patch in self._patches], axis=1) for side in ("same", "following")
        )
        return csev(np.concatenate(maps), same, following)


def clearly_best(scores: Mapping[str, float]) -> str:
    """Return the name of the first classifier, or of the best of the others if that is better by `MARGIN`.

    Parameters
    ----------
    scores : by name, the one that stands first
    """
    names = list(scores)
    best = max(names, key=lambda name: scores[name])
    return best if scores[best] > scores[names[0]] + MARGIN else names[0]


def _context(classifier: nn.Module) -> int:
    return int(getattr(classifier, "context", 0))


def _patches(working: WorkingVolume, n_patches: int, context: int) -> list[_Patch]:
    boxes = list(sample_boxes(working.shape_zyx, n_patches, _SIDE_PX))
    sound = [box for box in boxes if not {box.z0, box.z0 + 1} & working.left_out] or boxes
    patches, unreadable = [], None
    for box in sound:
        try:
            patches.append(_patch(working, box, context))
        except InputError as error:  # a damaged chunk: the others tell enough
            unreadable = error
    if unreadable is not None and not patches:
        raise unreadable
    return patches


def _patch(working: WorkingVolume, box: Box, context: int) -> _Patch:
    pair = working.read(replace(box, z1=box.z0 + 2))  # (2, h, w)
    same, following = (held_out_features(section).reshape(len(CHANNELS), -1) for section in pair)
    height, width = box.shape[1:]
    # A multiple of every stride a network may have.
    rows, columns = (-(-(n + 2 * _HALO_PX) // 64) * 64 for n in (height, width))
    y0, x0 = box.y0 - _HALO_PX, box.x0 - _HALO_PX
    wide = Box(box.z0, box.z0 + 1, y0, y0 + rows, x0, x0 + columns)
    image = torch.from_numpy(working.read_with_context(wide, context))[None]
    inner = (slice(_HALO_PX, _HALO_PX + height), slice(_HALO_PX, _HALO_PX + width))
    return _Patch(image, inner, same, following)
