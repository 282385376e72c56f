from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.scores.table import contingency, mutual_information_nats
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.core.warm_start import filter_scales_px, warm_start
from napari_em_autoclass.core.working import WorkingVolume


@pytest.fixture
def working(phantom: Phantom, fast_settings: RunSettings) -> WorkingVolume:
    return working_volume(Volume(phantom.raw, phantom.voxel_size_nm), fast_settings)


@pytest.mark.parametrize(
    ("scales_nm", "pixel_nm", "scales_px"),
    [
        ((8.0, 16.0, 64.0), (8.0, 8.0), (1.0, 2.0, 8.0)),
        ((8.0, 16.0, 64.0), (16.0, 16.0), (1.0, 4.0)),  # raised to a pixel, and the double dropped
        ((64.0, 8.0), (4.0, 4.0), (2.0, 16.0)),
        ((8.0,), (4.0, 16.0), (1.0,)),
        ((10.0,), (3.0, 3.0), (3.333,)),
    ],
)
def test_scales_are_in_working_pixels(scales_nm, pixel_nm, scales_px) -> None:
    assert filter_scales_px(scales_nm, pixel_nm) == scales_px


def test_classes_and_textons_share_a_bank(working: WorkingVolume, fast_settings: RunSettings) -> None:
    classes, textons = warm_start(working, fast_settings)
    assert classes.centres.shape[0] == 4
    assert textons.centres.shape[0] == 8
    assert torch.equal(classes.mean, textons.mean)
    assert torch.equal(classes.scale, textons.scale)
    assert not classes.training
    assert not textons.training


def test_the_same_seed_gives_the_same_sketch(working: WorkingVolume, fast_settings: RunSettings) -> None:
    one, two, other = (warm_start(working, fast_settings.replace(seed=seed))[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["centres"], other["centres"])


def test_the_sketch_uses_all_classes_and_tells_about_the_truth(
    working: WorkingVolume, fast_settings: RunSettings, phantom: Phantom
) -> None:
    classes, _ = warm_start(working, fast_settings)
    halo = classes.radius_px
    depth, height, width = working.shape_zyx
    image = torch.from_numpy(working.read(Box(0, depth, -halo, height + halo, -halo, width + halo)))[:, None]
    with torch.no_grad():
        probs = classes(image)[..., halo:-halo, halo:-halo].softmax(dim=1)
    found = probs.argmax(dim=1).numpy() + 1
    shares = np.bincount(found.ravel(), minlength=5)[1:] / found.size
    assert (shares > 0.02).all()
    # Sure in the middle of a cluster, undecided at its edge.
    assert 0.6 < float(probs.max(dim=1).values.mean()) < 0.999
    truth = phantom.labels[:, ::2, ::2]
    assert mutual_information_nats(contingency(found, truth, (5, 8))) > 0.1


def test_the_responses_it_clusters_are_standardised(working: WorkingVolume, fast_settings: RunSettings) -> None:
    classes, _ = warm_start(working, fast_settings)
    responses = classes.responses(torch.from_numpy(working.read(Box(0, 5, 0, 32, 0, 32)))[:, None])
    assert responses.mean(dim=(0, 2, 3)).abs().max() < 0.5
    assert (responses.std(dim=(0, 2, 3)) - 1).abs().max() < 0.5
