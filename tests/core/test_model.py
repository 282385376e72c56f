from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.model import Model, empty_classifiers, fingerprint, load_weights, working_volume
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.volume import Box, Volume

NM = (40.0, 4.0, 4.0)


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (4, 70, 80), dtype=np.uint8)


@pytest.fixture
def model(grey: np.ndarray, fast_settings: RunSettings) -> Model:
    torch.manual_seed(0)
    sketch = empty_classifiers(fast_settings, NM, 4)["sketch"]
    assert isinstance(sketch, FilterClassifier)
    sketch.centres.copy_(0.2 * torch.randn(sketch.centres.shape))
    volume = Volume(grey, NM)
    # A normalisation that nobody would fit, so that its use shows.
    stored = working_volume(volume, fast_settings).normalisation.replace(section_spread=(33.0,) * 4)
    return Model(fast_settings, sketch.eval(), "done", stored, fingerprint(volume))


def test_the_volume_it_was_trained_on_gets_the_stored_normalisation(model: Model, grey: np.ndarray) -> None:
    assert model.working(Volume(grey, NM, "renamed", "moved")).normalisation == model.normalisation


def test_another_volume_gets_its_own_normalisation(model: Model, grey: np.ndarray, fast_settings: RunSettings) -> None:
    other = Volume(grey.astype(np.uint16) * 100 + 7, NM)
    working = model.working(other)
    assert working.normalisation == working_volume(other, fast_settings).normalisation
    assert working.normalisation != model.normalisation
    assert working.factors_yx == (2, 2)


def test_another_voxel_size_is_binned_to_the_same_working_pixel(model: Model, grey: np.ndarray) -> None:
    assert model.working(Volume(grey, (40.0, 8.0, 2.0))).factors_yx == (1, 4)


def test_another_volume_of_no_use_is_refused(model: Model) -> None:
    with pytest.raises(InputError, match="constant"):
        model.working(Volume(np.zeros((4, 70, 80), np.uint8), NM))


def test_grey_values_of_another_scale_give_the_same_classes(model: Model, grey: np.ndarray) -> None:
    view = ViewRequest(1, 0, 70, 0, 80)
    maps = []
    for data in (grey.astype(np.int32) * 40 - 900, grey / np.float64(255), 3.5 * grey.astype(np.float32)):
        volume = Volume(data, NM)
        maps.append(model.classify(model.working(volume), view).classes)
    assert all(np.array_equal(found, maps[0]) for found in maps)
    assert len(np.unique(maps[0])) > 1


def test_equal_data_have_equal_fingerprints_wherever_they_come_from(grey: np.ndarray) -> None:
    padded = np.pad(grey, ((1, 0), (2, 3), (4, 0)))
    cropped = Volume(padded, NM).crop(Box(1, 5, 2, 72, 4, 84))
    assert fingerprint(cropped) == fingerprint(Volume(grey, NM, "name", "source"))


def test_whatever_makes_another_volume_changes_the_fingerprint(grey: np.ndarray) -> None:
    touched = grey.copy()
    touched[0, 35, 40] ^= 1
    last = grey.copy()
    last[3, 35, 40] ^= 1
    others = [
        Volume(grey[:3], NM),
        Volume(grey[:, :, :79], NM),
        Volume(grey.transpose(0, 2, 1), NM),
        Volume(grey.astype(np.int8), NM),
        Volume(grey.astype(np.uint16), NM),
        Volume(grey, (40.0, 4.0, 5.0)),
        Volume(touched, NM),
        Volume(last, NM),
    ]
    prints = {fingerprint(volume) for volume in (*others, Volume(grey, NM))}
    assert len(prints) == len(others) + 1


def test_a_fingerprint_reads_little() -> None:
    read = []

    class Watched:
        shape, dtype = (1000, 50_000, 50_000), np.dtype(np.uint8)

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            shape = tuple(part.stop - part.start for part in key)
            read.append(np.prod(shape))
            return np.zeros(shape, np.uint8)

    fingerprint(Volume(Watched(), NM))
    assert sum(read) <= 3 * 64 * 64


def test_sizes_follow_the_settings_and_the_voxel_size(fast_settings: RunSettings) -> None:
    made = empty_classifiers(fast_settings, NM, 9)
    assert made["sketch"].centres.shape[0] == 4
    assert made["textons"].centres.shape[0] == 8
    assert made["student"].head.weight.shape[:2] == (4, 8 + made["textons"].bank.n_channels + 8)
    far = apply_setting(fast_settings, "tiles.neighbour_distances_nm=[40, 80, 120]")
    assert len(empty_classifiers(far, NM, 12)["student"].neighbours) == 3
    # Of three sections only the next leaves one in the middle.
    assert len(empty_classifiers(far, NM, 3)["student"].neighbours) == 1


def test_weights_are_found_by_prefix(fast_settings: RunSettings) -> None:
    torch.manual_seed(1)
    one, other = (empty_classifiers(fast_settings, NM, 9)["student"] for _ in range(2))
    tensors = {f"student.{name}": tensor for name, tensor in one.state_dict().items()}
    load_weights(other, {**tensors, "studentish.mean": torch.zeros(1)}, "student")
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    with pytest.raises(RuntimeError, match="Missing"):
        load_weights(other, tensors, "teacher")
