"""What is each part of the recipe worth?  The rows of docs/explanation/experiments.md, printed again.

    python benchmarks/ablations.py [STACK LABELS] [--steps 600] [--seeds 0] [--sections 30] [--variants NAME ...]

Without a stack the sstem phantom is used. For each variant a network learns to forecast for so many steps; then classes
are made from its features in several ways, without refining, and scored on the working grid (merged mIoU and share of
information as in `quality.py`). Each clustering is done five times from other samples, since that luck is the largest:
mean and standard deviation. "linear, with labels" is a logistic regression trained on the labels of the first half of
the sections and scored on the second: what the features hold. First it prints how well the labels of neighbouring
sections agree before and after the shifts found. JSON lines, one a variant; a variant takes minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from napari_em_autoclass.core.clusters import fit_even_clusters
from napari_em_autoclass.core.device import choose_device
from napari_em_autoclass.core.edge_smoothing import smoothed, smoothing_steps_px
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.reclustering import averaged
from napari_em_autoclass.core.regions import Region
from napari_em_autoclass.core.registration import section_drift
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.core.scores.labelled import score_with_labels
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.working import WorkingVolume

VARIANTS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "no shifts": ("tiles.shift_nm=0",),
    "20 and 45 nm": ("tiles.neighbour_distances_nm=[20, 45]",),
    "40 and 80 nm": ("tiles.neighbour_distances_nm=[40, 80]",),
    "three levels": ("classifier.depth=3",),
    "128 textures": ("classifier.n_textons=128",),
    "learned features alone": ("classifier.filter_share=0",),
    "features alone": ("classifier.forecast_share=0",),
    "forecasts alone": ("classifier.forecast_share=1",),
}
_K, _REPEATS, _SAMPLE, _HALO = 20, 5, 30_000, 64


def main() -> None:
    """Print the shifts' worth, then a line for each variant and seed."""
    args = _arguments()
    if args.stack is None:
        phantom = make_phantom()
        volume, truth = Volume(phantom.raw, phantom.voxel_size_nm, "phantom"), phantom.labels
    else:
        volume, truth = open_volume(args.stack), np.asarray(open_volume(args.labels).data[:, :, :])
    working = working_volume(volume, load_recipe("neighbour-forecast"))
    fy, fx = working.factors_yx
    low = truth[:, fy // 2 :: fy, fx // 2 :: fx]  # (Z, h, w), a label for each working pixel
    print(json.dumps({"labels agree with the next section's": _agreement(working, low)}), flush=True)
    sections = np.unique(np.linspace(0, len(low) - 1, args.sections).round().astype(int))
    for seed in args.seeds:
        for name in args.variants:
            settings = load_recipe("neighbour-forecast").replace(seed=seed)
            for assignment in (f"training.steps={args.steps}", *VARIANTS[name]):
                settings = apply_setting(settings, assignment)
            settings = settings.replace(terms=tuple(term for term in settings.terms if term.kind == "forecast"))
            row = _measured(working, settings, sections, low)
            print(json.dumps({"variant": name, "seed": seed, "steps": args.steps, **row}), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stack", type=Path, nargs="?")
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sections", type=int, default=30, help="so many are scored, spread over the stack")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    args = parser.parse_args()
    if args.stack is not None and args.labels is None:
        parser.error("name the labels of the stack too")
    return args


def _agreement(working: WorkingVolume, low: NDArray[Any]) -> dict[str, float]:
    """Return at what share of the pixels labels of neighbouring sections agree: as they lie, and with shifts."""
    depth, height, width = working.shape_zyx
    shares = []
    for z in range(depth - 1):
        pair = torch.from_numpy(working.read(Box(z, z + 2, 0, height, 0, width)))
        dy, dx = section_drift(pair, sum(working.pixel_nm) / 2, 160.0)[1].tolist()
        first = low[z, max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)]
        second = low[z + 1, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
        shares.append(((low[z] == low[z + 1]).mean(), (first == second).mean()))
    before, after = np.mean(shares, axis=0)
    return {"as they lie": round(float(before), 4), "with shifts": round(float(after), 4)}


def _measured(
    working: WorkingVolume, settings: RunSettings, sections: NDArray[Any], low: NDArray[Any]
) -> dict[str, Any]:
    learner = Learner(working, settings, choose_device("cpu"))
    learner.begin(settings)
    steps = settings.training.steps or 0
    for step in range(steps):
        learner.step(settings, step, step / steps)
    learner.recluster(settings, steps, afresh=True)  # sets the scale of the embedding
    raw = np.concatenate([_embedding(learner, settings, int(z)) for z in sections])  # (S, h, w, E)
    steps_px = smoothing_steps_px(settings.classifier.smoothing_nm, sum(working.pixel_nm) / 2)
    calm = np.stack([_smoothed(section, steps_px) for section in raw])
    labels = low[sections]
    return {
        "plain": _clustered(raw, labels, _plain),
        "smoothed": _clustered(calm, labels, _plain),
        "smoothed, even": _clustered(calm, labels, lambda sample, seed: fit_even_clusters(sample, _K, seed)),
        "linear, with labels": _linear(raw, labels, settings.seed),
    }


@torch.no_grad()
def _embedding(learner: Learner, settings: RunSettings, z: int) -> NDArray[np.float32]:
    """Return the embedding (1, h, w, E) of a section, its forecast averaged with the neighbours' where they lie."""
    working, student, near = learner.working, learner.student.eval(), learner.tiles.offsets[0]
    depth, height, width = working.shape_zyx
    wide, high = (-(-side // student.stride) * student.stride for side in (width, height))
    around = [min(max(z + offset, 0), depth - 1) for offset in (-near, 0, near)]
    boxes = [Box(s, s + 1, -_HALO, high + _HALO, -_HALO, wide + _HALO) for s in around]
    images = torch.cat([torch.from_numpy(working.read(box)) for box in boxes])[:, None]
    inner = (..., slice(_HALO, _HALO + height), slice(_HALO, _HALO + width))
    drift = section_drift(images[:, 0][inner], sum(working.pixel_nm) / 2, settings.tiles.shift_nm)
    stack = Region(Box(0, 3, 0, height, 0, width), images[:, 0], torch.zeros(3, 1, 1), drift)
    features = student.features(images)[inner]
    below, middle, above = student.forecast(features)
    forecast = averaged(stack.above(below, 1, -1), middle, stack.above(above, 1, 1))
    return np.asarray(student.embed(features[1:2], forecast[None]).movedim(1, -1).numpy(), np.float32)


def _smoothed(section: NDArray[np.float32], steps_px: tuple[int, ...]) -> NDArray[np.float32]:
    embedding = torch.from_numpy(section).movedim(-1, 0)
    return np.asarray(smoothed(embedding, embedding, steps_px).movedim(0, -1).numpy())


def _plain(sample: NDArray[np.float32], seed: int) -> NDArray[Any]:
    return np.asarray(KMeans(_K, n_init=3, max_iter=30, random_state=seed).fit(sample).cluster_centers_)


def _clustered(embedding: NDArray[np.float32], labels: NDArray[Any], fit: Any) -> dict[str, list[float]]:
    """Return [mean, standard deviation] of the scores over clusterings of different samples."""
    pixels = embedding.reshape(-1, embedding.shape[-1])
    scores = []
    for seed in range(_REPEATS):
        chosen = np.random.default_rng(seed).choice(len(pixels), min(_SAMPLE, len(pixels)), replace=False)
        centres = fit(pixels[chosen], seed)
        found = _nearest(pixels, centres).reshape(labels.shape)
        score = score_with_labels((found + 1).astype(np.uint8), labels)
        scores.append((score["merged_miou"], score["info_share"]))
    mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
    return {
        name: [round(float(m), 4), round(float(s), 4)]
        for name, m, s in zip(("merged_miou", "info_share"), mean, spread, strict=True)
    }


def _nearest(pixels: NDArray[np.float32], centres: NDArray[Any]) -> NDArray[np.int64]:
    parts = np.array_split(pixels, max(1, len(pixels) // 200_000))
    offset = 0.5 * (centres**2).sum(axis=1)
    return np.concatenate([(part @ centres.T - offset).argmax(axis=1) for part in parts])


def _linear(embedding: NDArray[np.float32], labels: NDArray[Any], seed: int) -> float:
    pixels = embedding.reshape(-1, embedding.shape[-1]) * 3  # about unit variance each, for the solver
    known = np.flatnonzero(labels[: len(labels) // 2].ravel())
    known = np.random.default_rng(seed).choice(known, min(_SAMPLE, len(known)), replace=False)
    model = LogisticRegression(max_iter=200).fit(pixels[known], labels.ravel()[known])
    found = model.predict(pixels).reshape(labels.shape)
    return float(score_with_labels(found.astype(np.uint8), labels)["merged_miou"])


if __name__ == "__main__":
    main()
