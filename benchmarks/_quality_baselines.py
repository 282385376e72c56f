"""A class map that needs no learning, in a process of its own, so that its peak memory is its own too.

    python benchmarks/_quality_baselines.py intensity|filters|forest STACK LABELS K OUT.npz

Pixels are binned as the default recipe bins them. ``intensity`` is k-means on the grey value, ``filters`` k-means on
scikit-image's ``multiscale_basic_features``, and ``forest`` a random forest on the same filters, *trained on the
labels* of the first half of the sections; its map holds the truth itself there, so that a class is a structure.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.working import bin_factors
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Maker = Callable[[NDArray[np.float32], NDArray[Any], int], NDArray[np.uint8]]

__all__ = ["BASELINES"]

_WORKING_PIXEL_NM = 8.0


def main() -> None:
    """Write the class map on the full voxel grid."""
    name, stack, label_path, n_classes, out = sys.argv[1:]
    volume, truth = open_volume(stack), open_volume(label_path)
    fy, fx = bin_factors(volume.voxel_size_nm, _WORKING_PIXEL_NM)
    raw = _binned(np.asarray(volume.data[:, :, :]).astype(np.float32), fy, fx)
    raw = (raw - raw.mean((1, 2), keepdims=True)) / raw.std((1, 2), keepdims=True)
    labels = np.asarray(truth.data[:, :, :])[:, fy // 2 :: fy, fx // 2 :: fx][:, : raw.shape[1], : raw.shape[2]]
    found = BASELINES[name](raw, labels, int(n_classes)).repeat(fy, axis=1).repeat(fx, axis=2)
    _, height, width = volume.shape_zyx
    # Voxels left over by binning take their neighbour's class.
    rest = ((0, 0), (0, height - found.shape[1]), (0, width - found.shape[2]))
    np.savez_compressed(out, classes=np.pad(found, rest, mode="edge"))


def _binned(raw: NDArray[np.float32], fy: int, fx: int) -> NDArray[np.float32]:
    depth, height, width = raw.shape[0], raw.shape[1] // fy, raw.shape[2] // fx
    return np.asarray(raw[:, : height * fy, : width * fx].reshape(depth, height, fy, width, fx).mean((2, 4)))


def _intensity(raw: NDArray[np.float32], labels: NDArray[Any], n_classes: int) -> NDArray[np.uint8]:
    return _kmeans(raw[..., None], n_classes)


def _filters(raw: NDArray[np.float32], labels: NDArray[Any], n_classes: int) -> NDArray[np.uint8]:
    return _kmeans(_features(raw), n_classes)


def _features(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    from skimage.feature import multiscale_basic_features

    sections = [multiscale_basic_features(s, sigma_min=1, sigma_max=8) for s in raw]  # type: ignore[no-untyped-call]
    return np.stack([section.astype(np.float32) for section in sections])


def _kmeans(table: NDArray[np.float32], n_classes: int) -> NDArray[np.uint8]:
    from sklearn.cluster import MiniBatchKMeans

    flat = table.reshape(-1, table.shape[-1])
    flat = (flat - flat.mean(0)) / (flat.std(0) + 1e-6)
    sample = flat[np.random.default_rng(0).choice(len(flat), min(200_000, len(flat)), replace=False)]
    model = MiniBatchKMeans(n_classes, batch_size=8192, n_init=3, random_state=0).fit(sample)
    return np.asarray((model.predict(flat).reshape(table.shape[:-1]) + 1).astype(np.uint8))


def _forest(raw: NDArray[np.float32], labels: NDArray[Any], n_classes: int) -> NDArray[np.uint8]:
    from sklearn.ensemble import RandomForestClassifier

    features, half = _features(raw), len(raw) // 2
    known = np.flatnonzero(labels[:half].ravel())
    known = np.random.default_rng(0).choice(known, min(60_000, len(known)), replace=False)
    model = RandomForestClassifier(60, max_depth=16, n_jobs=-1, random_state=0)
    model.fit(features[:half].reshape(-1, features.shape[-1])[known], labels[:half].ravel()[known])
    found = model.predict(features[half:].reshape(-1, features.shape[-1])).reshape(labels[half:].shape)
    return np.concatenate([labels[:half], found]).astype(np.uint8)


BASELINES: dict[str, Maker] = {"intensity": _intensity, "filters": _filters, "forest": _forest}


if __name__ == "__main__":
    main()
