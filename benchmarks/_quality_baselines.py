"""A class map that needs no learning, in a process of its own, so that its peak memory is its own too.

    python benchmarks/_quality_baselines.py intensity|filters|forest|network STACK LABELS K OUT.npz

Pixels are binned as the default recipe bins them. ``intensity`` is k-means on the grey value, ``filters`` k-means on
scikit-image's ``multiscale_basic_features``, and ``forest`` a random forest on the same filters, *trained on the
labels* of the first half of the sections; its map holds the truth itself there, so that a class is a structure.
``network`` is the network of the default recipe, trained on the same labels for as many steps as the recipe makes in
four minutes here: what this network could tell apart if it were told.
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

__all__ = ["BASELINES", "SUPERVISED", "WORKING_PIXEL_NM", "binned"]

WORKING_PIXEL_NM = 8.0


def main() -> None:
    """Write the class map on the full voxel grid."""
    name, stack, label_path, n_classes, out = sys.argv[1:]
    volume, truth = open_volume(stack), open_volume(label_path)
    fy, fx = bin_factors(volume.voxel_size_nm, WORKING_PIXEL_NM)
    raw = binned(np.asarray(volume.data[:, :, :]).astype(np.float32), fy, fx)
    raw = (raw - raw.mean((1, 2), keepdims=True)) / raw.std((1, 2), keepdims=True)
    labels = np.asarray(truth.data[:, :, :])[:, fy // 2 :: fy, fx // 2 :: fx][:, : raw.shape[1], : raw.shape[2]]
    found = BASELINES[name](raw, labels, int(n_classes)).repeat(fy, axis=1).repeat(fx, axis=2)
    _, height, width = volume.shape_zyx
    # Voxels left over by binning take their neighbour's class.
    rest = ((0, 0), (0, height - found.shape[1]), (0, width - found.shape[2]))
    np.savez_compressed(out, classes=np.pad(found, rest, mode="edge"))


def binned(raw: NDArray[np.float32], fy: int, fx: int) -> NDArray[np.float32]:
    """Return means over `fy` x `fx` pixels; rows and columns left over are cut off."""
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


_STEPS = 600
_TILES = 6
_SIDE_PX = 128


def _network(raw: NDArray[np.float32], labels: NDArray[Any], n_classes: int) -> NDArray[np.uint8]:
    import torch
    from torch.nn.functional import cross_entropy, pad

    from napari_em_autoclass.core.classifier.unet2d import UNet2d
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.views import change_contrast, turn

    torch.manual_seed(0)
    settings, rng, generator = RunSettings(), np.random.default_rng(0), torch.Generator().manual_seed(0)
    half, (height, width) = len(raw) // 2, raw.shape[1:]
    network = UNet2d(settings.classifier.width, settings.classifier.depth, int(labels.max()) + 1)
    optimiser = torch.optim.AdamW(network.parameters(), settings.training.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    images, truth = torch.from_numpy(raw[:half]), torch.from_numpy(labels[:half].astype(np.int64))
    for _ in range(_STEPS):
        tiles, targets = [], []
        for _ in range(_TILES):
            z, y, x = rng.integers(half), rng.integers(height - _SIDE_PX + 1), rng.integers(width - _SIDE_PX + 1)
            cut, symmetry = np.s_[z, y : y + _SIDE_PX, x : x + _SIDE_PX], int(rng.integers(8))
            tiles.append(turn(images[cut], symmetry))
            targets.append(turn(truth[cut], symmetry))
        logits = network(change_contrast(torch.stack(tiles)[:, None], settings.views, generator))
        optimiser.zero_grad()
        cross_entropy(logits, torch.stack(targets), ignore_index=0).backward()  # 0 is unlabelled
        optimiser.step()
        schedule.step()
    network.eval()
    found = []
    with torch.no_grad():
        for section in torch.from_numpy(raw[half:]):
            edge = (0, -width % network.stride, 0, -height % network.stride)
            logits = network(pad(section[None, None], edge, mode="replicate"))[0, 1:, :height, :width]
            found.append(logits.argmax(dim=0).numpy() + 1)
    return np.concatenate([labels[:half], np.stack(found)]).astype(np.uint8)


BASELINES: dict[str, Maker] = {"intensity": _intensity, "filters": _filters, "forest": _forest, "network": _network}
SUPERVISED = ("forest", "network")
"""Those that are trained on labels; the first is always run."""


if __name__ == "__main__":
    main()
