"""Scores on a sample: on a small stack those of the whole map, on a large one of a bounded part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.class_relations import relations_of_map
from napari_em_autoclass.core.comparison.map_scores import MapScorer, chosen_windows, stability
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.merge_tree import MergeTree
from napari_em_autoclass.core.model import Model
from napari_em_autoclass.core.predict import predict_blocks
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.scores.grouped import miou_at_groups
from napari_em_autoclass.core.scores.label_free import score_without_labels
from napari_em_autoclass.core.scores.labelled import score_with_labels
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


@pytest.fixture
def model(volume: Volume, settings: RunSettings) -> Model:
    trainer = Trainer(volume, settings)
    list(trainer.events())
    return trainer.model


def scored(scorer: MapScorer, model: Model) -> tuple[list[float], dict[str, float]]:
    fractions, scoring = [], scorer.scoring(model)
    while True:
        try:
            fractions.append(next(scoring))
        except StopIteration as ended:
            return fractions, ended.value


def test_on_a_small_stack_the_figures_are_those_of_score(volume: Volume, phantom: Any, model: Model) -> None:
    fractions, figures = scored(MapScorer(volume, phantom.labels), model)
    assert fractions == [0.0, 0.2, 0.4, 0.6, 0.8]
    classes = np.concatenate([block.classes for block in predict_blocks(model, volume)])
    expected = {**score_without_labels(classes, volume.data), **score_with_labels(classes, phantom.labels)}
    for key in ("effective_classes", "z_kappa", "z_mutual_information", "csev", "merged_miou", "info_share"):
        assert figures[key] == pytest.approx(expected[key], abs=2e-4), key
    groups = MergeTree.of(relations_of_map(classes, volume.data, 4)).cut(5)
    assert figures["merged_miou_at_5_groups"] == pytest.approx(miou_at_groups(classes, phantom.labels, groups))


def test_without_labels_no_figure_needs_them(volume: Volume, model: Model) -> None:
    _, figures = scored(MapScorer(volume), model)
    assert set(figures) == {"effective_classes", "z_kappa", "z_mutual_information", "csev", "stability"}


def test_stability_is_between_chance_and_one_and_the_same_each_time(volume: Volume, model: Model) -> None:
    value = stability(model, volume)
    assert 0 < value <= 1
    assert value == stability(model, volume)


def test_a_small_stack_is_looked_at_whole() -> None:
    windows = chosen_windows((32, 100, 200))
    assert list(windows) == list(range(32))
    assert windows[3].shape == (1, 100, 200)


@pytest.mark.parametrize("shape", [(33, 64, 64), (1000, 64, 64), (1000, 9000, 5000), (5, 2000, 2000), (2, 4000, 8)])
def test_of_a_large_one_a_bounded_part_in_pairs(shape: tuple[int, int, int]) -> None:
    windows = chosen_windows(shape)
    assert 2 <= len(windows) <= 32
    assert list(windows) == sorted(windows)
    assert len({window.shape for window in windows.values()}) == 1
    for z, window in windows.items():
        assert window == window.clipped(shape)
        assert max(window.shape) <= 1024
        pair = windows.get(z + 1) or windows[z - 1]
        assert pair.shape == window.shape
    assert min(windows) == 0
    assert max(windows) >= shape[0] - 2


def test_a_sampled_stack_can_be_scored(volume: Volume, phantom: Any, model: Model, monkeypatch: Any) -> None:
    from napari_em_autoclass.core.comparison import map_scores

    monkeypatch.setattr(map_scores, "_MOST_SECTIONS", 4)
    monkeypatch.setattr(map_scores, "_SIDE_PX", 40)
    scorer = MapScorer(volume, phantom.labels)
    assert scorer.n_sections == 4
    _, figures = scored(scorer, model)
    assert 0 < figures["csev"] < 1
    assert 0 < figures["merged_miou"] < 1


def test_labels_of_another_shape_are_refused(volume: Volume) -> None:
    with pytest.raises(InputError, match="differ in shape"):
        MapScorer(volume, np.ones((3, 8, 8), np.uint8))


def test_labels_that_are_missing_in_one_half_are_refused_before_any_work(volume: Volume, phantom: Any) -> None:
    labels = phantom.labels.copy()
    labels[:3] = 0
    with pytest.raises(InputError, match="first half"):
        MapScorer(volume, labels)
