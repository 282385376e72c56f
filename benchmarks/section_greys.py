"""Should each section be brought to a brightness and contrast of its own?  K-means on filters, by what is done.

    python benchmarks/section_greys.py [STACK ...] [--seeds 4]

STACK is as for ``quality.py``: ``phantom-sstem``, the name of a stack in ../shared/data, or a path with labels beside
it.  Of at most some 32 sections each pixel's responses to the filter bank of the default recipe are put into 20
clusters, after the sections were brought to their own median and spread, to their own mean and deviation, to those of
the stack, to their own but for what changes over 250 nm, or as ``core/section_greys.py`` decides.  Printed are the
means over seeds of the merged mIoU and of the share of information, and by how much the median moves from section to
section, in spreads.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from _commands import stack_and_labels
from _quality_baselines import WORKING_PIXEL_NM, binned
from scipy.ndimage import median_filter
from sklearn.cluster import MiniBatchKMeans

from napari_em_autoclass.core.classifier import ClassifierSettings
from napari_em_autoclass.core.filters import FilterBank
from napari_em_autoclass.core.scores.labelled import score_with_labels
from napari_em_autoclass.core.section_greys import of_microscope
from napari_em_autoclass.core.warm_start import filter_scales_px
from napari_em_autoclass.core.working import bin_factors
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Brought = Callable[[NDArray[np.float32], NDArray[np.float64], float], NDArray[np.float64]]

_SECTIONS, _SAMPLE, _CLASSES = 32, 100_000, 20
_SLOW_NM = 250.0


def main() -> None:
    """Print a table for each stack."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", nargs="*", default=["phantom-sstem", "phantom-fibsem", "phantom-sbfsem"])
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.stacks:
            stack, labels = stack_and_labels(name, Path(folder))
            _report(name, stack, labels, options.seeds)


def _report(name: str, stack: Path, label_path: Path, n_seeds: int) -> None:
    volume, truth = open_volume(str(stack)), open_volume(str(label_path))
    fy, fx = bin_factors(volume.voxel_size_nm, WORKING_PIXEL_NM)
    raw = binned(np.asarray(volume.data[:, :, :]).astype(np.float32), fy, fx)
    low, middle, high = np.percentile(raw.reshape(len(raw), -1), (16, 50, 84), axis=1)
    measured = np.stack([middle, (high - low) / 2], axis=1)  # (Z, 2)
    moved = np.median(np.abs(np.diff(middle))) / np.median(measured[:, 1])
    print(f"\n{name}: the median moves by {moved:.3f} of the spread\n")
    print("| sections | merged mIoU | information |\n|---|---|---|")
    kept = slice(None, None, max(1, len(raw) // _SECTIONS))
    labels = np.asarray(truth.data[:, :, :])[kept, fy // 2 :: fy, fx // 2 :: fx][:, : raw.shape[1], : raw.shape[2]]
    pixel = (volume.voxel_size_nm[1] * fy, volume.voxel_size_nm[2] * fx)
    bank = FilterBank(filter_scales_px(ClassifierSettings().filter_scales_nm, pixel))
    for way, brought in WAYS.items():
        centre, spread = brought(raw, measured, volume.voxel_size_nm[0]).T[:, kept, None, None]
        responses = _responses(bank, ((raw[kept] - centre) / spread).astype(np.float32))
        scores = [_scores(responses, labels, seed) for seed in range(n_seeds)]
        print(f"| {way} | {np.mean([s[0] for s in scores]):.3f} | {np.mean([s[1] for s in scores]):.3f} |", flush=True)


def _own(_raw: NDArray[np.float32], measured: NDArray[np.float64], _nm: float) -> NDArray[np.float64]:
    return measured


def _mean(raw: NDArray[np.float32], _measured: NDArray[np.float64], _nm: float) -> NDArray[np.float64]:
    return np.stack([raw.mean((1, 2)), raw.std((1, 2))], axis=1)


def _of_stack(_raw: NDArray[np.float32], measured: NDArray[np.float64], _nm: float) -> NDArray[np.float64]:
    return np.broadcast_to(np.median(measured, axis=0), measured.shape)


def _fast_only(_raw: NDArray[np.float32], measured: NDArray[np.float64], nm: float) -> NDArray[np.float64]:
    logs = np.stack([measured[:, 0], np.log(measured[:, 1])], axis=1)
    slow = median_filter(logs, (2 * max(2, round(_SLOW_NM / nm)) + 1, 1), mode="nearest")
    brought = logs - slow + np.median(logs, axis=0)
    return np.stack([brought[:, 0], np.exp(brought[:, 1])], axis=1)


def _decided(_raw: NDArray[np.float32], measured: NDArray[np.float64], _nm: float) -> NDArray[np.float64]:
    return of_microscope(measured)


WAYS: dict[str, Brought] = {
    "their own median and spread": _own,
    "their own mean and deviation": _mean,
    "those of the stack": _of_stack,
    "their own, but for what is slow": _fast_only,
    "as the program decides": _decided,
}
"""Return of each section (Z, 2): the grey value that becomes 0, and how many become 1."""


def _responses(bank: FilterBank, sections: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        found = [bank(torch.from_numpy(section)[None, None])[0].movedim(0, -1).numpy() for section in sections]
    table = np.stack(found)
    flat = table.reshape(-1, table.shape[-1])
    return np.asarray((table - flat.mean(axis=0)) / (flat.std(axis=0) + 1e-6))


def _scores(responses: NDArray[np.float32], labels: NDArray[Any], seed: int) -> tuple[float, float]:
    flat = responses.reshape(-1, responses.shape[-1])
    sample = flat[np.random.default_rng(seed).choice(len(flat), min(_SAMPLE, len(flat)), replace=False)]
    model = MiniBatchKMeans(_CLASSES, batch_size=8192, n_init=3, random_state=seed).fit(sample)
    classes = (model.predict(flat).reshape(labels.shape) + 1).astype(np.uint8)
    found = score_with_labels(classes, labels)
    return found["merged_miou"], found["info_share"]


if __name__ == "__main__":
    main()
