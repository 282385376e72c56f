"""Which of the classifiers that a run made is best, told without labels.

Refining can smooth away what the clusters had found, and a network can fail altogether.  Cross-slice explained variance
(`scores.label_free.csev`), on filters that no classifier was trained on, rejects what is clearly worse; near-equals it
can't rank, so the last result stands unless another one is better by a margin.

Clusters of filter responses are made to explain the variance of filter responses, if of others, so it overrates them:
in thirteen runs of 30 to 120 steps they explained up to 1.07 times as much as the network, which told more of the
structures in each (``docs/explanation/experiments.md``).  They are kept only where a network is broken.
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

__all__ = ["BROKEN_BELOW", "MARGIN", "Judge", "choose", "clearly_best"]

MARGIN = 0.01
"""How much more variance another network must explain to be preferred."""
BROKEN_BELOW = 0.8
"""A network that explains less than this share of what clusters of filter responses do has failed."""

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


def choose(
    working: WorkingVolume | Sequence[WorkingVolume],
    networks: Mapping[str, nn.Module],
    clusters: Mapping[str, nn.Module],
) -> str:
    """Return the name of the classifier that explains the volume best, see `clearly_best`.

    Parameters
    ----------
    working : the volume, or several
    networks : in evaluation mode by name, the one that stands first
    clusters : clusters of filter responses by name
    """
    judge = Judge(working, max(_context(classifier) for classifier in (*networks.values(), *clusters.values())))
    return clearly_best(*({name: judge.score(made) for name, made in some.items()} for some in (networks, clusters)))


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


def clearly_best(networks: Mapping[str, float], clusters: Mapping[str, float]) -> str:
    """Return the name of the first network, or of the best other one if that is better by `MARGIN`.

    If that one is broken, see `BROKEN_BELOW`, the best of the clusters.

    Parameters
    ----------
    networks : scores by name, the one that stands first
    clusters : scores of clusters of filter responses by name
    """
    first, best = next(iter(networks)), max(networks, key=lambda name: networks[name])
    kept = best if networks[best] > networks[first] + MARGIN else first
    instead = max(clusters, key=lambda name: clusters[name])
    return instead if networks[kept] < BROKEN_BELOW * clusters[instead] else kept


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
