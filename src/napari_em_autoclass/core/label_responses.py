"""Turn a label image into the first classes of a run: how the filters respond to what each label covers.

Patches are read one after the other, of the labels first and of the stack where there are any, so that memory doesn't
grow with the stack.  A stack of up to 128 patches (8 megapixels at working size) is looked at in full.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.filters import FilterBank
from napari_em_autoclass.core.label_start import LabelStart
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.core.warm_start import filter_scales_px

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["label_start"]

_PATCH_PX: Final = 256
_N_PATCHES: Final = 128
_DIGITS: Final = 6  # float32 has no more, and run.json stays short


def label_start(
    volume: Volume, labels: Volume, settings: RunSettings, names: Mapping[int, str] | None = None
) -> LabelStart:
    """Return what a run on `volume` needs to start from the classes of `labels`.

    Parameters
    ----------
    volume : the stack, or the first of several
    labels : integers of the same shape; 0 is unknown, every other value a class
    settings : of the run; only what it learns from is looked at
    names : of labels, by value

    Raises
    ------
    InputError
        If the shapes differ, there are no labels, negative ones or more than classes, the stack can't be read, or the
        recipe begins its classes at random, so that the labels would be forgotten.
    """
    _check(volume, labels, settings)
    box = settings.learned_box(volume.shape_zyx)
    whole = working_volume(volume, settings)
    fy, fx = whole.factors_yx
    learned = whole.part(box, settings.skip_sections)
    # Moved out to whole working pixels, as the part is.
    marked = labels.crop(replace(box, y0=box.y0 // fy * fy, x0=box.x0 // fx * fx))
    bank = FilterBank(filter_scales_px(settings.classifier.filter_scales_nm, learned.pixel_nm))
    found = _mean_responses(learned, marked, bank, settings)
    told = names or {}
    return LabelStart(
        source=labels.source,
        labels=tuple(found),
        names=tuple(told.get(value, "") for value in found) if any(map(told.get, found)) else (),
        responses=tuple(tuple(round(float(mean), _DIGITS) for mean in means) for means in found.values()),
    )


def _check(volume: Volume, labels: Volume, settings: RunSettings) -> None:
    if labels.shape_zyx != volume.shape_zyx:
        raise InputError(
            f"{labels.name}: has the shape {labels.shape_zyx}, the stack {volume.shape_zyx}; give labels of the stack "
            "as it is read (its region and level)"
        )
    if labels.dtype.kind not in "iub":
        raise InputError(f"{labels.name}: holds {labels.dtype} values; labels are integers, 0 where nothing is known")
    if settings.training.first_classes == "random":
        raise InputError(
            f"recipe {settings.recipe} begins its classes at random, so labels would be forgotten; choose another "
            "recipe, such as neighbour-forecast, or set training.first_classes=clusters"
        )


def _mean_responses(
    working: WorkingVolume, labels: Volume, bank: FilterBank, settings: RunSettings
) -> dict[int, NDArray[np.float64]]:
    """Return the mean responses (C,) by label, ascending."""
    sums: dict[int, NDArray[np.float64]] = {}
    counts: dict[int, int] = {}
    unreadable: InputError | None = None
    for box in _patches(working, settings.seed):
        ids = _labels_of_pixels(labels, box, working.factors_yx)
        values, index = np.unique(ids, return_inverse=True)
        known = {int(value) for value in values} - {0}
        _check_labels(labels, {*counts, *known}, settings.n_classes)
        if not known:
            continue
        try:
            added = _summed(_responses(working, box, bank), index.reshape(-1), len(values))  # (L, C)
        except InputError as error:  # a damaged chunk: the other patches tell enough
            unreadable = error
            continue
        for value, total, count in zip(values.tolist(), added, np.bincount(index.reshape(-1)).tolist(), strict=True):
            if value:
                sums[value] = sums.get(value, 0.0) + total
                counts[value] = counts.get(value, 0) + count
    if not counts:
        raise unreadable or InputError(
            f"{labels.name}: has no labels where it was looked at, only 0 (unknown); give one with some, or train "
            "without it"
        )
    return {int(value): sums[value] / counts[value] for value in sorted(counts)}


def _check_labels(labels: Volume, values: set[int], n_classes: int) -> None:
    if min(values, default=0) < 0:
        raise InputError(f"{labels.name}: label {min(values)} is negative; use 0 for what is unknown")
    if len(values) > n_classes:
        raise InputError(
            f"{labels.name}: has {len(values)} labels or more, but the run only {n_classes} classes; give kinds of "
            "structures, not single objects, or more classes"
        )


def _patches(working: WorkingVolume, seed: int) -> Iterator[Box]:
    """Yield boxes of one section, in working pixels: all there are, or some from evenly all over the stack."""
    _, height, width = working.shape_zyx
    sections, rows, columns = working.sound_sections, -(-height // _PATCH_PX), -(-width // _PATCH_PX)
    n_all = len(sections) * rows * columns
    if n_all <= _N_PATCHES:
        chosen = np.arange(n_all)
    else:  # one of each of as many equal parts, anywhere in it
        places = np.random.default_rng((seed, 6)).random(_N_PATCHES)
        chosen = ((np.arange(_N_PATCHES) + places) * n_all / _N_PATCHES).astype(np.int64)
    for i in chosen.tolist():
        z, y, x = sections[i // (rows * columns)], i // columns % rows * _PATCH_PX, i % columns * _PATCH_PX
        yield Box(z, z + 1, y, min(y + _PATCH_PX, height), x, min(x + _PATCH_PX, width))


def _labels_of_pixels(labels: Volume, box: Box, factors_yx: tuple[int, int]) -> NDArray[Any]:
    """Return the labels (h, w) in the middle of the working pixels of `box`."""
    _, height, width = labels.shape_zyx
    fy, fx = factors_yx
    rows = (np.arange(box.y0, box.y1) * fy + fy // 2).clip(max=height - 1)
    columns = (np.arange(box.x0, box.x1) * fx + fx // 2).clip(max=width - 1)
    block = labels.read(Box(box.z0, box.z1, int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1))
    return np.asarray(block[0][(rows - rows[0])[:, None], (columns - columns[0])[None, :]])


@torch.no_grad()
def _responses(working: WorkingVolume, box: Box, bank: FilterBank) -> torch.Tensor:
    """Return the responses (C, N) of the pixels of `box`."""
    halo = bank.radius_px
    around = replace(box, y0=box.y0 - halo, y1=box.y1 + halo, x0=box.x0 - halo, x1=box.x1 + halo)
    seen: torch.Tensor = bank(torch.from_numpy(working.read(around))[None])
    return seen[0, :, halo:-halo, halo:-halo].flatten(1)


def _summed(responses: torch.Tensor, index: NDArray[np.int64], n_labels: int) -> NDArray[np.float64]:
    """Return the sum (L, C) of `responses` (C, N) over the pixels of each label; `index` (N,) says which it is."""
    total = torch.zeros((n_labels, len(responses)), dtype=torch.float64)
    return total.index_add_(0, torch.from_numpy(index), responses.T.double()).numpy()
