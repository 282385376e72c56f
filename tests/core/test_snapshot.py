from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_em_autoclass.core import snapshot, tiling
from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.events import UNCLEAR, CutRequest, ViewRequest
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.snapshot import Abandoned, ViewMap, classify_view, middle_view
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

K = 4
SHAPE = (3, 50, 77)


@pytest.fixture(autouse=True)
def _several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)


@pytest.fixture(params=[(1, 1), (2, 2), (1, 2)], ids=str)
def working(request: pytest.FixtureRequest) -> WorkingVolume:
    data = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    fitted = Normalisation(centre=128, spread=70, section_centre=(128.0,) * 3, section_spread=(70.0,) * 3)
    return WorkingVolume(Volume(data, (40.0, 4.0, 4.0)), fitted, request.param)


@pytest.fixture
def classifier() -> FilterClassifier:
    torch.manual_seed(0)
    made = FilterClassifier((1.0,), K)
    responses = made.responses(torch.rand(1, 1, 64, 64) * 3.6 - 1.8)
    made.centres.copy_(responses[0].flatten(1).T[640 : 640 + 7 * K : 7])
    return made.eval()


def seen(classifier: FilterClassifier, working: WorkingVolume, *view: int, probs: tuple[int, ...] = ()) -> ViewMap:
    return classify_view(classifier, working, K, ViewRequest(*view, prob_classes=probs))


def test_the_middle_view_is_the_whole_middle_section() -> None:
    volume = Volume(np.zeros((5, 6, 7), np.uint8), (40.0, 4.0, 4.0))
    assert middle_view(volume) == ViewRequest(2, 0, 6, 0, 7)
    large = Volume(np.broadcast_to(np.uint8(0), (9, 5001, 1000)), volume.voxel_size_nm)
    assert middle_view(large) == ViewRequest(4, 1988, 3012, 0, 1000)


@pytest.mark.parametrize("box", [(0, 50, 0, 77), (0, 1, 0, 1), (49, 50, 76, 77), (10, 40, 20, 70), (31, 33, 31, 33)])
def test_a_crop_is_cut_from_the_whole_bit_for_bit(
    classifier: FilterClassifier, working: WorkingVolume, box: tuple[int, int, int, int]
) -> None:
    whole = seen(classifier, working, 1, 0, 50, 0, 77, probs=(1, 2, 3, 4))
    crop = seen(classifier, working, 1, *box, probs=(1, 2, 3, 4))
    here = (slice(*box[:2]), slice(*box[2:]))
    assert np.array_equal(crop.classes, whole.classes[here])
    assert np.array_equal(crop.confidence, whole.confidence[here])
    for (_, part), (_, full) in zip(crop.probs, whole.probs, strict=True):
        assert np.array_equal(part, full[here])
    assert whole.classes.min() >= 1
    assert len(np.unique(whole.classes)) == K


def test_outside_the_volume_there_is_nothing(classifier: FilterClassifier, working: WorkingVolume) -> None:
    whole = seen(classifier, working, 1, 0, 50, 0, 77, probs=(3,))
    wide = seen(classifier, working, 1, -7, 60, -5, 90, probs=(3,))
    for got, inner in zip((*wide[:2], wide.probs[0][1]), (*whole[:2], whole.probs[0][1]), strict=True):
        assert got.shape == (67, 95)
        assert np.array_equal(got[7:57, 5:82], inner)
        border = got.copy()
        border[7:57, 5:82] = 0
        assert not border.any()
    beyond = seen(classifier, working, 1, 100, 110, 100, 120, probs=(3,))
    assert beyond.classes.shape == (10, 20)
    assert not beyond.classes.any()


def test_a_section_beyond_the_stack_shows_the_nearest(classifier: FilterClassifier, working: WorkingVolume) -> None:
    first, last = (seen(classifier, working, z, 0, 50, 0, 77).classes for z in (0, 2))
    assert not np.array_equal(first, last)
    assert np.array_equal(seen(classifier, working, -4, 0, 50, 0, 77).classes, first)
    assert np.array_equal(seen(classifier, working, 99, 0, 50, 0, 77).classes, last)


def test_probabilities_are_named_and_in_the_order_asked_for(
    classifier: FilterClassifier, working: WorkingVolume
) -> None:
    every = dict(seen(classifier, working, 1, 0, 50, 0, 77, probs=(1, 2, 3, 4)).probs)
    found = seen(classifier, working, 1, 0, 50, 0, 77, probs=(4, 2)).probs
    assert [k for k, _ in found] == [4, 2]
    assert all(np.array_equal(prob, every[k]) for k, prob in found)
    assert abs(sum(prob.astype(int) for prob in every.values()) - 255).max() <= K / 2


def test_how_unclear_the_pixels_are_is_asked_for_like_a_probability(
    classifier: FilterClassifier, working: WorkingVolume
) -> None:
    from napari_em_autoclass.core.cut import CutPainter
    from napari_em_autoclass.core.section_painter import SectionPainter

    view = ViewRequest(1, 0, 50, 0, 77, prob_classes=(UNCLEAR, 2))
    (of_view, unclear), (_, prob) = classify_view(classifier, working, K, view).probs
    assert of_view == UNCLEAR
    assert unclear.min() > 0
    assert not np.array_equal(unclear, prob)
    painted = SectionPainter(working, K, view).paint(classifier, 60.0)
    assert [k for k, _ in painted.probs] == [UNCLEAR, 2]
    np.testing.assert_array_equal(painted.probs[0][1], unclear)
    cut = CutRequest(0, 3, 20, 21, 0, 77, prob_classes=(UNCLEAR,))
    assert [k for k, _ in CutPainter(working, K, cut).paint(classifier, 60.0).probs] == [UNCLEAR]


def test_probabilities_of_classes_that_are_not_there_are_left_out(
    classifier: FilterClassifier, working: WorkingVolume
) -> None:
    found = seen(classifier, working, 1, 0, 50, 0, 77, probs=(2, 5, 200, -1)).probs
    assert [k for k, _ in found] == [2]


def test_only_tiles_in_view_are_computed(
    classifier: FilterClassifier, working: WorkingVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []

    def counted(*arguments):
        places.append(arguments[3])
        return tiling.classify_tile(*arguments)

    monkeypatch.setattr(snapshot, "classify_tile", counted)
    seen(classifier, working, 2, 3, 9, 4, 8)
    assert places == [(2, 0, 0)]


def test_a_map_that_nobody_wants_any_more_is_given_up_between_tiles(
    classifier: FilterClassifier, working: WorkingVolume
) -> None:
    answers = iter((True, False))
    with pytest.raises(Abandoned):
        classify_view(classifier, working, K, ViewRequest(1, 0, 50, 0, 77), lambda: next(answers))
    assert next(answers, None) is None  # asked before each tile
