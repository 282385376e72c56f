from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_em_autoclass.core import predict, tiling
from napari_em_autoclass.core.classifier import ForecastClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.model import Model, empty_classifiers, fingerprint, working_volume
from napari_em_autoclass.core.predict import n_blocks, predict_blocks
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.volume import Volume

NM = (40.0, 4.0, 4.0)
# Sections, and the voxel size of each case: 1 x 1, 2 x 2 and 1 x 2 voxels to a working pixel of 8 nm.
CASES = {
    "odd, as it is": ((5, 37, 61), (40.0, 8.0, 8.0)),
    "odd, halved": ((5, 37, 61), NM),
    "long, halved": ((3, 260, 130), NM),
    "long, as it is": ((2, 130, 67), (40.0, 8.0, 8.0)),
    "anisotropic": ((3, 70, 150), (40.0, 8.0, 4.0)),
}


def stack(case: str) -> Volume:
    shape, voxel_size_nm = CASES[case]
    return Volume(np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8), voxel_size_nm)


@pytest.fixture
def few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Force several tiles and several blocks of sections on small stacks."""
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)
    monkeypatch.setattr(predict, "_MAX_SECTIONS", 2)


def model_for(volume: Volume, settings: RunSettings) -> Model:
    """Give an untrained network whose classes are those of some pixels of noise."""
    torch.manual_seed(0)
    student = empty_classifiers(settings, volume.voxel_size_nm, 5)["student"]
    assert isinstance(student, ForecastClassifier)
    with torch.no_grad():
        image = torch.rand(2, 1, 64, 64) * 3.6 - 1.8
        for _ in range(20):
            student(image)  # statistics of the batch norm
        features = student.eval().features(image)
        joined = [t.movedim(1, -1).flatten(0, 2) for t in (features, student.forecast(features))]
        student.standardise(joined[:1], joined[1:])
        pixels = student.embed(features).movedim(1, -1).flatten(0, 2)
        # From the middle of the cloud outwards: binned noise is weaker, and must not all be nearest to one centre.
        by_distance = pixels[pixels.norm(dim=1).argsort()]
        student.set_centres(
            by_distance[: len(pixels) // 4 : len(pixels) // 4 // settings.n_classes][: settings.n_classes], 0.05
        )
    working = working_volume(volume, settings)
    return Model(settings, student, "learning", working.normalisation, fingerprint(volume))


def assembled(model: Model, volume: Volume) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return classes (z, y, x), probabilities (K, z, y, x), and how often each voxel was answered."""
    k = model.settings.n_classes
    classes, seen = np.zeros(volume.shape_zyx, np.uint8), np.zeros(volume.shape_zyx, int)
    probs = np.zeros((k, *volume.shape_zyx), np.uint8)
    for block in predict_blocks(model, volume, probabilities=True):
        here = block.box.slices
        assert block.classes.shape == block.box.shape
        assert block.probs is not None
        assert block.probs.shape == (k, *block.box.shape)
        classes[here], probs[(slice(None), *here)] = block.classes, block.probs
        seen[here] += 1
    return classes, probs, seen


@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize("case", CASES)
def test_blocks_cover_the_volume_exactly_once(case: str, fast_settings: RunSettings) -> None:
    volume = stack(case)
    model = model_for(volume, fast_settings)
    classes, probs, seen = assembled(model, volume)
    assert (seen == 1).all()
    assert set(np.unique(classes)) <= {1, 2, 3, 4}
    assert len(np.unique(classes)) > 1
    assert abs(probs.astype(int).sum(axis=0) - 255).max() <= 2


@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize("case", CASES)
def test_what_is_in_view_is_what_will_be_predicted_bit_for_bit(case: str, fast_settings: RunSettings) -> None:
    volume = stack(case)
    model = model_for(volume, fast_settings)
    classes, probs, _ = assembled(model, volume)
    depth, height, width = volume.shape_zyx
    working = model.working(volume)
    for z, y0, y1, x0, x1 in (
        (0, 0, height, 0, width),
        (depth - 1, 0, height, 0, width),
        (1, 3, 30, 20, width),
        (1, height - 1, height, width - 1, width),
        (0, 31, 33, 15, 66),
    ):
        view = model.classify(working, ViewRequest(z, y0, y1, x0, x1, prob_classes=(4, 1)))
        bottom, right = min(y1, height), min(x1, width)
        inside = (slice(0, bottom - y0), slice(0, right - x0))
        assert np.array_equal(view.classes[inside], classes[z, y0:bottom, x0:right])
        assert np.array_equal(view.confidence[inside], probs[:, z, y0:bottom, x0:right].max(axis=0))
        for k, prob in view.probs:
            assert np.array_equal(prob[inside], probs[k - 1, z, y0:bottom, x0:right])


@pytest.mark.parametrize("case", CASES)
def test_the_size_of_the_tiles_does_not_show(
    case: str, fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = stack(case)
    model = model_for(volume, fast_settings)
    whole, probs, _ = assembled(model, volume)
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)
    tiled, tiled_probs, _ = assembled(model, volume)
    # Up to the order in which a convolution adds up, which can tip a rounding by one.
    assert abs(tiled_probs.astype(int) - probs).max() <= 1
    ranked = np.sort(probs, axis=0).astype(int)
    is_clear = ranked[-1] - ranked[-2] > 1
    assert is_clear.mean() > 0.9
    assert np.array_equal(tiled[is_clear], whole[is_clear])


@pytest.mark.parametrize("max_sections", [1, 2, 16])
def test_how_many_sections_make_a_block_changes_nothing(
    fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch, max_sections: int
) -> None:
    volume = stack("odd, as it is")
    model = model_for(volume, fast_settings)
    expected, _, _ = assembled(model, volume)
    monkeypatch.setattr(predict, "_MAX_SECTIONS", max_sections)
    found, _, seen = assembled(model, volume)
    assert np.array_equal(found, expected)
    assert (seen == 1).all()


@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_number_of_blocks_is_known_before(case: str, fast_settings: RunSettings, probabilities: bool) -> None:
    volume = stack(case)
    model = model_for(volume, fast_settings)
    blocks = list(predict_blocks(model, volume, probabilities=probabilities))
    assert len(blocks) == n_blocks(model, volume, probabilities=probabilities) > 1
    assert all((block.probs is None) is not probabilities for block in blocks)


def test_a_block_with_probabilities_holds_a_bounded_number_of_bytes(fast_settings: RunSettings) -> None:
    settings = apply_setting(fast_settings, "n_classes=254")
    small = stack("odd, halved")
    model = model_for(small, settings)
    large = Volume(np.broadcast_to(np.asarray(small.data)[:, :1], (5, 9000, 61)), NM)
    block = next(predict_blocks(model, large, probabilities=True))
    assert block.probs is not None
    assert block.probs.nbytes <= 128_000_000


def test_nothing_is_read_before_its_block_is_due(fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "_MAX_SECTIONS", 1)
    volume = stack("odd, as it is")
    model = model_for(volume, fast_settings)
    read: list[int] = []

    class Watched:
        shape, dtype = volume.data.shape, volume.data.dtype

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            read.append(key[0].start)
            return np.asarray(volume.data[key])

    blocks = predict_blocks(model, Volume(Watched(), volume.voxel_size_nm))
    next(blocks)
    read.clear()
    next(blocks)
    assert set(read) == {1}


def test_a_block_that_cannot_be_read_says_where(fast_settings: RunSettings) -> None:
    good = stack("odd, as it is")
    model = model_for(good, fast_settings)
    data = np.asarray(good.data).astype(np.float32)
    data[4, 9, 9] = np.nan
    volume = Volume(data, good.voxel_size_nm)
    model = Model(fast_settings, model.classifier, "learning", model.normalisation, fingerprint(volume))
    with pytest.raises(InputError, match=r"sections? 4.*NaN"):
        list(predict_blocks(model, volume))
