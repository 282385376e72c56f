from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.filters import FilterBank
from napari_em_autoclass.core.label_responses import label_start
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import Phantom, make_phantom
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.core.scores.labelled import score_with_labels
from napari_em_autoclass.core.scores.table import contingency
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.core.warm_start import warm_start

SIZE = (50.0, 8.0, 8.0)


@pytest.fixture(scope="module")
def tissue() -> Phantom:
    """Give a stack that shows all seven kinds."""
    made = make_phantom((6, 192, 192), "sstem", seed=0)
    assert set(np.unique(made.labels[:, 1::2, 1::2])) >= set(range(1, 8))
    return made


def stack_of(phantom: Phantom) -> Volume:
    return Volume(phantom.raw, phantom.voxel_size_nm)


def labels_of(data: Any, name: str = "truth.tif") -> Volume:
    return Volume(data, SIZE, name, f"/data/{name}")


def classified(sketch: FilterClassifier, volume: Volume, settings: RunSettings) -> np.ndarray:
    """Return the class map (Z, h, w) of all of the volume, working pixels, from 1 on."""
    working, halo = working_volume(volume, settings), sketch.radius_px
    depth, height, width = working.shape_zyx
    image = torch.from_numpy(working.read(Box(0, depth, -halo, height + halo, -halo, width + halo)))[:, None]
    with torch.no_grad():
        return (sketch(image)[..., halo:-halo, halo:-halo].argmax(dim=1).numpy() + 1).astype(np.uint8)


def truth_of(phantom: Phantom, volume: Volume, settings: RunSettings) -> np.ndarray:
    fy, fx = working_volume(volume, settings).factors_yx
    return phantom.labels[:, fy // 2 :: fy, fx // 2 :: fx]


def iou_of(found: np.ndarray, truth: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the IoU (K, 7) of each class with each kind of structure, where the truth is known."""
    table = contingency(found[truth > 0], truth[truth > 0], (n_classes + 1, 8))[1:, 1:]
    return table / (table.sum(axis=0) + table.sum(axis=1)[:, None] - table)


@pytest.mark.slow
@pytest.mark.parametrize(("n_classes", "merged_gain"), [(7, 0.1), (20, 0.01)])
def test_the_first_sketch_follows_the_labels_where_clusters_do_not(
    tissue: Phantom, n_classes: int, merged_gain: float
) -> None:
    volume = stack_of(tissue)
    plain = load_recipe("neighbour-forecast").replace(n_classes=n_classes)
    start = label_start(volume, labels_of(tissue.labels), plain)
    truth = truth_of(tissue, volume, plain)
    maps = [
        classified(warm_start(working_volume(volume, each), each)[0], volume, each)
        for each in (plain, plain.replace(start=start))
    ]
    # Twenty clusters, merged at best, are nearly as good as labels; seven are not.
    without, with_labels = (score_with_labels(found, truth)["merged_miou"] for found in maps)
    assert with_labels > without + merged_gain
    # And class i is label i; which cluster is which nobody knows.
    assert start.labels == tuple(range(1, 8))
    of_clusters, of_labels = (iou_of(found, truth, n_classes) for found in maps)
    assert of_labels.diagonal().mean() > of_clusters.max(axis=0).mean() + 0.02


@pytest.mark.slow
def test_the_given_classes_come_first_and_the_others_are_used_too(tissue: Phantom) -> None:
    volume, plain = stack_of(tissue), load_recipe("neighbour-forecast").replace(n_classes=10)
    settings = plain.replace(start=label_start(volume, labels_of(tissue.labels), plain))
    sketch, textons = warm_start(working_volume(volume, settings), settings)
    given = (torch.tensor(settings.start.responses) - sketch.mean) / sketch.scale
    torch.testing.assert_close(sketch.centres[: len(given)], given)
    assert set(np.unique(classified(sketch, volume, settings))) == set(range(1, 11))
    # What is foretold of the neighbours has nothing to do with the labels.
    assert torch.equal(textons.centres, warm_start(working_volume(volume, plain), plain)[1].centres)


def test_the_responses_are_the_means_of_what_each_label_covers(phantom: Phantom, fast_settings: RunSettings) -> None:
    volume, labels = Volume(phantom.raw, SIZE), np.zeros(phantom.raw.shape, np.int32)
    labels[1, :20, :30], labels[3:, 40:, 5:9] = 70_000, 12
    start = label_start(volume, labels_of(labels), fast_settings, {12: "vesicles", 5: "nowhere"})
    assert start.labels == (12, 70_000)
    assert start.names == ("vesicles", "")
    assert start.source == "/data/truth.tif"
    bank = FilterBank((1.0, 2.0))
    halo = bank.radius_px
    image = working_volume(volume, fast_settings).read(Box(0, 5, -halo, 64 + halo, -halo, 64 + halo))
    seen = bank(torch.from_numpy(image)[:, None])[..., halo:-halo, halo:-halo].double().permute(0, 2, 3, 1).numpy()
    for value, found in zip(start.labels, start.responses, strict=True):
        np.testing.assert_allclose(found, seen[labels == value].mean(axis=0), atol=2e-6)


def test_of_fine_labels_those_in_the_middle_of_working_pixels_count(
    phantom: Phantom, fast_settings: RunSettings
) -> None:
    volume = Volume(phantom.raw[:, :63, :61], phantom.voxel_size_nm)  # 4 nm, so that edges are parts of pixels
    labels = np.full(volume.shape_zyx, 3, np.uint8)
    labels[:, 1::2, 1::2] = 9  # in the middle of 2 x 2 voxels
    labels[:, 62, 60] = 7  # and what is left at the corner
    assert label_start(volume, labels_of(labels), fast_settings).labels == (3, 7, 9)
    labels[:, 62], labels[:, :, 60] = 9, 9
    assert label_start(volume, labels_of(labels), fast_settings).labels == (9,)


def test_only_what_the_run_learns_from_is_looked_at(phantom: Phantom, fast_settings: RunSettings) -> None:
    volume, labels = Volume(phantom.raw, SIZE), np.ones(phantom.raw.shape, np.uint8)
    labels[0], labels[4], labels[:, :9], labels[2, 20, 40] = 2, 3, 4, 5
    settings = fast_settings.replace(region="0:5,9:64,:", skip_sections=(0,))
    assert label_start(volume, labels_of(labels), settings).labels == (1, 3, 5)
    alone = label_start(volume.crop(Box(1, 5, 9, 64, 0, 64)), labels_of(labels[1:, 9:]), fast_settings)
    assert alone.labels == (1, 3, 5)


def test_a_mask_is_one_label(phantom: Phantom, fast_settings: RunSettings) -> None:
    start = label_start(Volume(phantom.raw, SIZE), labels_of(phantom.labels == 1), fast_settings)
    assert (start.labels, start.names) == ((1,), ())


class Counted:
    """An array of any size that is made when it is read, and remembers how much was."""

    shape, dtype = (200, 4000, 4000), np.dtype(np.uint8)

    def __init__(self) -> None:
        self.largest = self.n_reads = 0

    def __getitem__(self, key: tuple[slice, slice, slice]) -> np.ndarray:
        z, y, x = (np.arange(part.start, part.stop) for part in key)
        self.n_reads += 1
        self.largest = max(self.largest, len(z) * len(y) * len(x))
        return ((z[:, None, None] + y[:, None] // 32 + x // 32) % 3).astype(np.uint8)


def test_of_a_large_stack_patches_are_read(fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_em_autoclass.core.label_responses._N_PATCHES", 4)
    stack, labels = Counted(), Counted()
    settings = fast_settings.replace(normalisation=fast_settings.normalisation.replace(max_sections=3))
    assert label_start(Volume(stack, SIZE), labels_of(labels), settings).labels == (1, 2)
    assert (labels.n_reads, labels.largest) == (4, 256 * 256)
    assert stack.largest <= 512 * 512


class Torn:
    """A stack of which some sections can't be read."""

    def __init__(self, data: np.ndarray, *torn: int) -> None:
        self.data, self.shape, self.dtype, self.torn = data, data.shape, data.dtype, torn

    def __getitem__(self, key: tuple[slice, slice, slice]) -> np.ndarray:
        if any(z in self.torn for z in range(self.shape[0])[key[0]]):
            raise OSError("checksum")
        return self.data[key]


def test_a_damaged_section_of_the_stack_is_passed_over(phantom: Phantom, fast_settings: RunSettings) -> None:
    labels = labels_of(phantom.labels)
    torn = label_start(Volume(Torn(phantom.raw, 2), SIZE), labels, fast_settings.replace(n_classes=7))
    whole = label_start(Volume(phantom.raw, SIZE), labels, fast_settings.replace(n_classes=7))
    assert torn.labels == whole.labels
    assert torn.responses != whole.responses
    only_there = np.where(np.arange(5)[:, None, None] == 2, phantom.labels, 0)
    with pytest.raises(InputError, match="can't read sections 2 to 2"):
        label_start(Volume(Torn(phantom.raw, 2), SIZE), labels_of(only_there), fast_settings.replace(n_classes=7))


@pytest.mark.parametrize(
    ("labels", "changes", "says"),
    [
        (np.ones((5, 64, 32), np.uint8), (), r"truth.tif: has the shape \(5, 64, 32\), the stack \(5, 64, 64\); give"),
        (np.ones((5, 64, 64), np.float32), (), "truth.tif: holds float32 values; labels are integers"),
        (np.zeros((5, 64, 64), np.uint8), (), "truth.tif: has no labels where it was looked at, only 0"),
        (np.full((5, 64, 64), -1, np.int16), (), "truth.tif: label -1 is negative; use 0 for what is unknown"),
        (
            np.arange(5 * 64 * 64).reshape(5, 64, 64),
            (),
            "truth.tif: has 4095 labels or more, but the run only 4 classes; give kinds of structures",
        ),
        (
            np.arange(5, dtype=np.uint8)[:, None, None].repeat(64, 1).repeat(64, 2) + 1,
            (),
            "has 5 labels or more, but the run only 4",
        ),
        (np.ones((5, 64, 64), np.uint8), ("training.first_classes=random",), "begins its classes at random"),
    ],
)
def test_labels_that_are_of_no_use_are_refused_in_one_line(
    labels: np.ndarray, changes: tuple[str, ...], says: str, phantom: Phantom, fast_settings: RunSettings
) -> None:
    for change in changes:
        fast_settings = apply_setting(fast_settings, change)
    with pytest.raises(InputError, match=says) as raised:
        label_start(Volume(phantom.raw, SIZE), labels_of(labels), fast_settings)
    assert "\n" not in str(raised.value)


def test_labels_seen_by_other_filters_are_refused(phantom: Phantom, fast_settings: RunSettings) -> None:
    volume = Volume(phantom.raw, SIZE)
    start = label_start(volume, labels_of((phantom.labels == 1).astype(np.uint8)), fast_settings)
    other = apply_setting(fast_settings, "classifier.filter_scales_nm=[8.0]").replace(start=start)
    with pytest.raises(InputError, match=r"/data/truth.tif\) were seen by 8 filters, this run has 4"):
        warm_start(working_volume(volume, other), other)
