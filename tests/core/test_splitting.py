"""A class is told apart where its own pixels differ, and every other class stays bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import network_of, sketch_of

from napari_em_autoclass.core import tiling
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.predict import n_blocks, predict_blocks
from napari_em_autoclass.core.splitting import find_parts

WHOLE = ViewRequest(1, 0, 64, 0, 64, prob_classes=(1, 5, 6, 9))


@pytest.fixture(params=[sketch_of, network_of], ids=["filters", "network"])
def model(request, volume, fast_settings):
    return request.param(volume, fast_settings)


def test_only_the_pixels_of_the_class_change_and_lead_back_to_it(model, volume) -> None:
    found = find_parts(model, volume, (2, 3), WHOLE)
    class_map = with_split(ClassMap.fresh(4), found)
    working = model.working(volume)
    before, after = (model.classify(working, replace(WHOLE, splits=s)) for s in ((), class_map.splits))
    parts = np.isin(after.classes, (5, 6, 7))
    assert len(np.unique(after.classes[parts])) == 3
    assert np.array_equal(parts, before.classes == 2)
    assert np.array_equal(after.classes[~parts], before.classes[~parts])
    assert np.array_equal(after.confidence[~parts], before.confidence[~parts])
    assert np.array_equal(dict(after.probs)[1], dict(before.probs)[1])
    assert not dict(before.probs).get(5, np.zeros(1)).any()


def test_view_and_prediction_agree_in_parts_too(model, volume, monkeypatch) -> None:
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)
    splits = with_split(ClassMap.fresh(4), find_parts(model, volume, (1, 2), WHOLE)).splits
    whole = np.zeros(volume.shape_zyx, np.uint8)
    probs = np.zeros((6, *volume.shape_zyx), np.uint8)
    blocks = list(predict_blocks(model, volume, probabilities=True, splits=splits))
    for block in blocks:
        whole[block.box.slices], probs[(slice(None), *block.box.slices)] = block.classes, block.probs
    assert len(blocks) == n_blocks(model, volume, probabilities=True, splits=splits)
    view = model.classify(model.working(volume), replace(WHOLE, splits=splits))
    assert np.array_equal(view.classes, whole[1])
    assert np.array_equal(dict(view.probs)[5], probs[4, 1])
    assert abs(probs[4:].astype(int).sum(0) - probs[0]).max() <= 2


def test_the_parts_come_largest_first_and_the_same_again(model, volume) -> None:
    found = find_parts(model, volume, (3, 3))
    assert find_parts(model, volume, (3, 3)) == found
    splits = with_split(ClassMap.fresh(4), found).splits
    ids = np.concatenate([b.classes.ravel() for b in predict_blocks(model, volume, splits=splits)])
    assert np.count_nonzero(ids == 5) >= np.count_nonzero(ids == 7) > 0


def test_other_weights_show_the_class_whole(model, volume) -> None:
    splits = with_split(ClassMap.fresh(4), find_parts(model, volume, (2, 2))).splits
    later = replace(model, weights="student@99")
    view = later.classify(later.working(volume), replace(WHOLE, splits=splits))
    assert np.array_equal(view.classes, model.classify(model.working(volume), WHOLE).classes)
    assert not dict(view.probs).get(5, np.zeros(1)).any()
    block = next(predict_blocks(later, volume, probabilities=True, splits=splits))
    assert block.probs.shape[0] == 6
    assert not block.probs[4:].any()


@pytest.mark.parametrize(
    ("what", "message"), [((9, 2), "only a class is split, 1 to 4"), ((2, 1), "2 to 6 parts"), ((2, 7), "2 to 6 parts")]
)
def test_what_cant_be_split_is_said(what, message, volume, fast_settings) -> None:
    with pytest.raises(InputError, match=message):
        find_parts(sketch_of(volume, fast_settings), volume, what)


def test_a_class_that_is_hardly_there_is_not_split(volume, fast_settings, monkeypatch) -> None:
    monkeypatch.setattr("napari_em_autoclass.core.splitting._LEAST_PIXELS", 10**6)
    with pytest.raises(InputError, match="class 2 is too rare"):
        find_parts(sketch_of(volume, fast_settings), volume, (2, 2))


def test_progress_is_told_and_may_end_it(volume, fast_settings) -> None:
    told: list[float] = []
    find_parts(sketch_of(volume, fast_settings), volume, (2, 2), report=told.append)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert told == sorted(told)
