"""From painted voxels to a map of what was painted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from runs import changed

from napari_em_autoclass.core import tiling
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.classifier.probe_classifier import ProbeClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.model import Model
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.probe import Probe, fit_probe, painted_places, probe_blocks
from napari_em_autoclass.core.run_settings import load_recipe
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

TINY = (
    *("n_classes=4", "device=cpu", "training.steps=3", "training.tiles_per_step=2", "training.pixels_per_tile=256"),
    *("tiles.size_px=32", "tiles.region_px=32", "tiles.n_regions=2", "classifier.width=4", "classifier.depth=2"),
    *("classifier.n_features=8", "classifier.n_textons=8", "classifier.filter_scales_nm=[8.0, 16.0]"),
)


@pytest.fixture(scope="module")
def volume(phantom: Phantom) -> Volume:
    return Volume(phantom.raw, phantom.voxel_size_nm, "phantom")


@pytest.fixture(scope="module")
def model(volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Model:
    run = tmp_path_factory.mktemp("taught") / "run"
    list(Trainer(volume, changed(load_recipe("neighbour-forecast"), *TINY), run_dir=run).events())
    return RunFolder.open(run).model()


@pytest.fixture(scope="module")
def painted(phantom: Phantom) -> np.ndarray:
    """Give 60 painted voxels of each frequent structure, in two sections."""
    rng, paint = np.random.default_rng(0), np.zeros_like(phantom.labels)
    for kind in np.flatnonzero(np.bincount(phantom.labels.ravel()) > 0.02 * phantom.labels.size):
        if kind:
            places = np.argwhere(phantom.labels[[0, 2]] == kind)
            z, y, x = places[rng.choice(len(places), min(60, len(places)), replace=False)].T
            paint[2 * z, y, x] = kind
    return paint


def whole(probe: Probe, model: Model, volume: Volume) -> np.ndarray:
    found = np.zeros(volume.shape_zyx, np.uint8)
    for block in probe_blocks(probe, model, volume):
        found[block.box.slices] = block.classes
    return found


def test_what_was_painted_is_found_elsewhere(
    model: Model, volume: Volume, painted: np.ndarray, phantom: Phantom
) -> None:
    probe = fit_probe(model, volume, painted)
    kinds = np.unique(painted[painted > 0])
    assert probe.ids == tuple(kinds)
    found = whole(probe, model, volume)
    assert set(np.unique(found)) <= set(kinds)
    truth = np.where(np.isin(phantom.labels, kinds), phantom.labels, 0)
    right = (found == truth)[truth > 0].mean()
    majority = np.bincount(truth[truth > 0]).max() / (truth > 0).sum()
    assert right > majority


def test_frequent_kinds_are_found_frequently_however_little_of_them_is_painted(
    model: Model, volume: Volume, painted: np.ndarray, phantom: Phantom
) -> None:
    shares = fit_probe(model, volume, painted).facts["shares"]
    truth = {kind: (phantom.labels == int(kind)).mean() for kind in shares}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert max(shares, key=shares.get) == max(truth, key=truth.get)  # type: ignore[arg-type]


def test_it_is_applied_as_any_classifier_tile_by_tile(
    model: Model, volume: Volume, painted: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = fit_probe(model, volume, painted)
    taught = probe.model(model)
    assert isinstance(taught.classifier, ProbeClassifier)
    assert taught.settings.n_classes == len(probe.ids)
    found = whole(probe, model, volume)
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 16)
    assert (whole(probe, model, volume) != found).mean() < 0.002  # a convolution adds up in another order


def test_teaching_twice_gives_the_same(model: Model, volume: Volume, painted: np.ndarray) -> None:
    one, other = (fit_probe(model, volume, painted) for _ in range(2))
    assert np.array_equal(one.weight, other.weight)
    assert np.array_equal(one.bias, other.bias)


def test_two_kinds_are_enough(model: Model, volume: Volume, painted: np.ndarray) -> None:
    first, second = np.unique(painted[painted > 0])[:2]
    both = np.where(painted == first, 7, np.where(painted == second, 200, 0)).astype(np.uint8)
    found = whole(fit_probe(model, volume, both), model, volume)
    assert set(np.unique(found)) == {7, 200}
    assert (found[both > 0] == both[both > 0]).mean() > 0.8


def test_the_work_can_be_cancelled_before_each_tile(model: Model, volume: Volume, painted: np.ndarray) -> None:
    told: list[float] = []
    fit_probe(model, volume, painted, told.append)
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] < 1


def test_painted_voxels_are_drawn_evenly_up_to_a_number() -> None:
    paint = np.zeros((4, 50, 50), np.uint8)
    paint[1:3], paint[3, 0, 0] = 3, 9
    places = painted_places(paint, 100)
    assert list(places) == [3, 9]
    assert len(places[3]) == 100
    assert (paint[tuple(places[3].T)] == 3).all()
    assert 20 < (places[3][:, 0] == 1).sum() < 80
    assert places[9].tolist() == [[3, 0, 0]]


@pytest.mark.parametrize("value", [0, 1])
def test_one_kind_teaches_nothing(model: Model, volume: Volume, value: int) -> None:
    with pytest.raises(InputError, match="paint at least two"):
        fit_probe(model, volume, np.full(volume.shape_zyx, value, np.uint8))


def test_paint_for_another_stack_is_refused(model: Model, volume: Volume) -> None:
    with pytest.raises(InputError, match="differ in shape"):
        fit_probe(model, volume, np.ones((2, 3, 4), np.uint8))


def test_a_probe_of_another_network_is_refused(model: Model) -> None:
    probe = Probe((1, 2), np.zeros((2, 5), np.float32), np.zeros(2, np.float32))
    with pytest.raises(InputError, match=r"taught with 5 numbers a pixel.*teach anew"):
        probe.model(model)


@pytest.mark.parametrize("ids", [(1,), (2, 1), (1, 1), (0, 1), (1, 255)])
def test_ids_that_make_no_sense_are_refused(ids: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="two or more ids"):
        Probe(ids, np.zeros((len(ids), 5), np.float32), np.zeros(len(ids), np.float32))


@pytest.mark.parametrize("change", [{"bias": np.zeros(3, np.float32)}, {"weight": np.full((2, 5), np.nan)}])
def test_damaged_numbers_are_refused(change: dict[str, Any]) -> None:
    whole = {"weight": np.zeros((2, 5), np.float32), "bias": np.zeros(2, np.float32)}
    with pytest.raises(InputError, match="damaged"):
        Probe((1, 2), **{**whole, **change})


def test_the_sketch_of_a_run_can_be_taught_too(volume: Volume, model: Model, painted: np.ndarray) -> None:
    from dataclasses import replace

    from napari_em_autoclass.core.classifier import FilterClassifier

    torch.manual_seed(0)
    sketch = FilterClassifier((1.0, 2.0), 4)
    sketch.centres.normal_()
    found = whole(
        fit_probe(replace(model, classifier=sketch), volume, painted), replace(model, classifier=sketch), volume
    )
    assert len(np.unique(found)) > 1
