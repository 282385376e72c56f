from __future__ import annotations

from itertools import product
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from napari_em_autoclass.core import tiling
from napari_em_autoclass.core.classifier import ClassifierSettings, FilterClassifier, ForecastClassifier
from napari_em_autoclass.core.events import UNCLEAR
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.tiling import Classifier, TileGrid, classify_tile
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.core.working import WorkingVolume

K = 5
# (voxels of a section, voxels per working pixel): odd sizes, the last pixel partial, one tile and several.
CASES = [((37, 61), (1, 1)), ((37, 61), (2, 2)), ((74, 51), (1, 2)), ((51, 74), (3, 1)), ((130, 65), (2, 2))]


def working(shape_yx: tuple[int, int], factors: tuple[int, int]) -> WorkingVolume:
    data = np.random.default_rng(1).integers(0, 256, (3, *shape_yx), dtype=np.uint8)
    fitted = Normalisation(
        centre=128, spread=70, section_centre=(128.0, 120.0, 131.0), section_spread=(70.0, 66.0, 75.0)
    )
    return WorkingVolume(Volume(data, (40.0, 4.0, 4.0)), fitted, factors)


def network(n_classes: int = K) -> ForecastClassifier:
    """Give an untrained network whose classes are those of some pixels of noise."""
    torch.manual_seed(0)
    settings = ClassifierSettings(width=4, depth=3, n_features=8, n_textons=8)
    made = ForecastClassifier(settings, n_classes, 2)
    with torch.no_grad():
        image = torch.rand(2, 1, 64, 64) * 3.6 - 1.8
        for _ in range(20):
            made(image)  # statistics of the batch norm
        features = made.eval().features(image)
        joined = [t.movedim(1, -1).flatten(0, 2) for t in (features, made.forecast(features))]
        made.standardise(joined[:1], joined[1:])
        made.set_centres(made.embed(features).movedim(1, -1).flatten(0, 2)[40 : 40 + n_classes], 0.05)
    return made


def filters(n_classes: int = K) -> FilterClassifier:
    torch.manual_seed(0)
    made = FilterClassifier((1.0, 2.0), n_classes)
    responses = made.responses(torch.rand(1, 1, 64, 64) * 3.6 - 1.8)
    made.centres.copy_(responses[0].flatten(1).T[640 : 640 + 7 * n_classes : 7])
    return made.eval()


CLASSIFIERS = {"network": network, "filters": filters}


def whole_plane(classifier: nn.Module, view: WorkingVolume, z: int) -> np.ndarray:
    """Return probabilities (K, Y, X) of a section computed at once, with a wide mirrored surrounding."""
    _, height, width = view.shape_zyx
    margin, stride = 64, 4
    h, w = (-(-n // stride) * stride for n in (height, width))
    image = torch.from_numpy(view.read(Box(z, z + 1, -margin, h + margin, -margin, w + margin)))[None]
    with torch.no_grad():
        logits = classifier(image)
        if view.factors_yx != (1, 1):
            factors = tuple(float(f) for f in view.factors_yx)
            logits = interpolate(logits, scale_factor=factors, mode="bilinear", align_corners=False)
    fy, fx = view.factors_yx
    _, rows, columns = view.volume.shape_zyx
    top, left = margin * fy, margin * fx
    return logits[0, :, top : top + rows, left : left + columns].softmax(0).numpy()


@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize(("shape_yx", "factors"), CASES)
@pytest.mark.parametrize("max_tile_px", [32, 256])
def test_tiles_agree_with_the_plane_computed_at_once(
    monkeypatch: pytest.MonkeyPatch, kind: str, shape_yx: tuple[int, int], factors: tuple[int, int], max_tile_px: int
) -> None:
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", max_tile_px)
    classifier, view = CLASSIFIERS[kind](), working(shape_yx, factors)
    expected = whole_plane(classifier, view, 1)
    grid = TileGrid.fit(view, classifier, K)
    assert (len(list(grid.corners())) > 1) == (max_tile_px == 32 and max(view.shape_zyx[1:]) > 32)
    seen = np.zeros(shape_yx, int)
    for y, x in grid.corners():
        tile = classify_tile(classifier, view, grid, (1, y, x), (1, 2, 3, 4, 5))
        here = tile.box.slices[1:]
        seen[here] += 1
        # The same numbers, but for the order in which a convolution adds them up.
        part = expected[:, here[0], here[1]]
        np.testing.assert_allclose(tile.probs, part * 255, atol=0.51)
        np.testing.assert_allclose(tile.confidence, part.max(axis=0) * 255, atol=0.51)
        ranked = np.sort(part, axis=0)
        is_clear = ranked[-1] - ranked[-2] > 1e-4
        assert is_clear.mean() > 0.9
        assert np.array_equal(tile.classes[is_clear], (part.argmax(axis=0) + 1)[is_clear])
    assert (seen == 1).all()
    assert len(np.unique(expected.argmax(axis=0))) > 2


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_the_surroundings_seen_are_all_that_matters(kind: str) -> None:
    classifier, view = CLASSIFIERS[kind](), working((64, 96), (1, 1))
    changed = np.array(view.volume.data)
    grid = TileGrid((64, 96), 32, 32, TileGrid.fit(view, classifier, K).halo)
    changed[:, :, 32 + grid.halo :] = 255 - changed[:, :, 32 + grid.halo :]
    other = WorkingVolume(Volume(changed, (40.0, 4.0, 4.0)), view.normalisation, (1, 1))
    one, two = (classify_tile(classifier, w, grid, (0, 0, 0), (1, 2, 3, 4, 5)) for w in (view, other))
    assert np.array_equal(one.probs, two.probs)
    changed[:, :, 32:] = 255 - changed[:, :, 32:]
    assert not np.array_equal(one.probs, classify_tile(classifier, other, grid, (0, 0, 0), (1, 2, 3, 4, 5)).probs)


def test_a_tile_is_the_same_bit_for_bit_each_time() -> None:
    classifier, view = network(), working((64, 64), (2, 2))
    grid = TileGrid.fit(view, classifier, K)
    one, two = (classify_tile(classifier, view, grid, (2, 0, 0), (4, 2)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one[1:], two[1:], strict=True))


def test_probabilities_come_in_the_order_asked_for() -> None:
    classifier, view = network(), working((32, 32), (1, 1))
    grid = TileGrid.fit(view, classifier, K)
    every = classify_tile(classifier, view, grid, (0, 0, 0), (1, 2, 3, 4, 5))
    some = classify_tile(classifier, view, grid, (0, 0, 0), (4, 1))
    assert np.array_equal(some.probs, every.probs[[3, 0]])
    assert classify_tile(classifier, view, grid, (0, 0, 0)).probs.shape == (0, 32, 32)
    assert np.array_equal(every.confidence, every.probs.max(axis=0))
    assert abs(every.probs.astype(int).sum(axis=0) - 255).max() <= K / 2
    assert {every.classes.dtype, every.confidence.dtype, every.probs.dtype} == {np.dtype(np.uint8)}


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_unclear_is_the_entropy_by_its_greatest_value(kind: str) -> None:
    classifier, view = CLASSIFIERS[kind](), working((32, 32), (1, 1))
    grid = TileGrid.fit(view, classifier, K)
    unclear, *probs = classify_tile(classifier, view, grid, (0, 0, 0), (UNCLEAR, 1, 2, 3, 4, 5)).probs / 255
    p = np.maximum(np.stack(probs), 1e-9)
    expected = -(p * np.log(p)).sum(axis=0) / np.log(K)
    assert np.abs(unclear - expected).max() < 0.03  # the probabilities are rounded to bytes
    assert unclear.max() > unclear.min()


def test_no_class_is_zero_and_the_largest_id_fits() -> None:
    classifier = filters(254)
    with torch.no_grad():
        classifier.centres[:] = 0
        classifier.centres[253] = 1e-3
        classifier.temperature.fill_(1e-9)
    view = working((32, 32), (1, 1))
    found = classify_tile(classifier, view, TileGrid.fit(view, classifier, 254), (0, 0, 0)).classes
    assert set(np.unique(found)) == {1, 254}


@pytest.mark.parametrize(("stride", "radius"), [(1, 0), (1, 7), (4, 30), (8, 31), (8, 40)])
def test_the_grid_covers_a_section_with_even_tiles(stride: int, radius: int) -> None:
    class Sized:
        def __init__(self) -> None:
            self.stride, self.radius_px = stride, radius

    for rows, columns in product((1, 31, 33, 250, 257, 1030), repeat=2):
        flat = Volume(np.broadcast_to(np.uint8(1), (3, rows, columns)), (40, 4, 4))
        view = WorkingVolume(flat, working((3, 3), (1, 1)).normalisation, (1, 1))
        grid = TileGrid.fit(view, cast(Classifier, Sized()), K)
        assert grid.height % stride == grid.width % stride == grid.halo % stride == 0
        assert grid.halo > radius
        assert max(grid.height, grid.width) <= 256 + stride
        corners = list(grid.corners())
        assert corners == sorted(set(corners))
        last_y, last_x = corners[-1]
        assert last_y < rows <= last_y + grid.height
        assert last_x < columns <= last_x + grid.width
        assert len(corners) == -(-rows // grid.height) * -(-columns // grid.width)


@pytest.mark.parametrize("n_classes", [2, 20, 254])
@pytest.mark.parametrize("factors", [(1, 1), (2, 2), (4, 4), (1, 6)])
def test_a_tile_holds_a_bounded_number_of_numbers(n_classes: int, factors: tuple[int, int]) -> None:
    view = working((3, 3), (1, 1))
    large = Volume(np.broadcast_to(np.uint8(1), (3, 20_000, 20_000)), (40, 4, 4))
    grid = TileGrid.fit(WorkingVolume(large, view.normalisation, factors), network(), n_classes)
    numbers = n_classes * grid.height * factors[0] * grid.width * factors[1]
    assert numbers <= 16_000_000 * 1.2


@pytest.mark.parametrize("n_classes", [2, 20, 254])
def test_the_highest_class_is_found_and_of_equal_ones_the_first(n_classes: int) -> None:
    logits = torch.randint(4, (n_classes, 33, 47), generator=torch.Generator().manual_seed(0)).float()
    expected = torch.from_numpy(logits.numpy().argmax(axis=0)) + 1
    assert torch.equal(tiling._highest(logits).long(), expected)


def test_without_confidence_the_classes_are_the_same() -> None:
    volume, classifier = working((37, 61), (2, 2)), network()
    grid = TileGrid.fit(volume, classifier, K)
    whole, bare = (classify_tile(classifier, volume, grid, (1, 0, 0), asked) for asked in ((), None))
    assert np.array_equal(whole.classes, bare.classes)
    assert (bare.confidence.size, bare.probs.size) == (0, 0)
