from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_em_autoclass.core.choice import BROKEN_BELOW, MARGIN, Judge, choose, clearly_best
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume


class ByGrey(nn.Module):
    """Sorts pixels by grey value into `n` classes; one class is a collapsed map."""

    def __init__(self, n: int, blind: bool = False) -> None:
        super().__init__()
        self.register_buffer("levels", torch.linspace(-1.5, 1.5, n))
        self.blind = blind

    def forward(self, image: Tensor) -> Tensor:
        seen = torch.randn(image.shape, generator=torch.Generator().manual_seed(0)) if self.blind else image
        return -((seen - self.levels[:, None, None]) ** 2)  # type: ignore[operator]


@pytest.fixture
def working(phantom: Phantom, fast_settings: RunSettings) -> WorkingVolume:
    return working_volume(Volume(phantom.raw, phantom.voxel_size_nm), fast_settings)


def test_classes_that_follow_the_tissue_score_above_those_that_do_not(working: WorkingVolume) -> None:
    judge = Judge(working)
    seeing, blind, collapsed = (judge.score(made) for made in (ByGrey(6), ByGrey(6, blind=True), ByGrey(1)))
    assert seeing > 0.05
    assert blind < seeing / 3
    assert collapsed == 0
    assert judge.score(ByGrey(6)) == seeing


def test_what_is_clearly_better_is_chosen(working: WorkingVolume) -> None:
    assert choose(working, {"network": ByGrey(6, blind=True), "before": ByGrey(6)}, {"filters": ByGrey(1)}) == "before"
    assert choose(working, {"network": ByGrey(6, blind=True)}, {"filters": ByGrey(6)}) == "filters"
    assert choose(working, {"network": ByGrey(6)}, {"filters": ByGrey(1)}) == "network"


def test_near_equals_leave_the_first() -> None:
    assert clearly_best({"network": 0.2, "before": 0.2 + MARGIN * 0.9}, {"filters": 0.1}) == "network"
    assert clearly_best({"network": 0.2, "before": 0.2 + MARGIN * 1.1}, {"filters": 0.1}) == "before"


def test_clusters_of_filters_take_the_place_of_a_broken_network_alone() -> None:
    as_measured = {"network": 0.4449, "before": 0.454}, {"filters": 0.4763}  # FlyEM, 120 steps: .411, .432, .397
    assert clearly_best(*as_measured) == "network"
    assert clearly_best({"network": 0.4 * BROKEN_BELOW - 1e-6}, {"filters": 0.4}) == "filters"
    assert clearly_best({"network": 0.4 * BROKEN_BELOW + 1e-6}, {"filters": 0.4}) == "network"
    assert clearly_best({"network": 0.0, "before": 0.39}, {"filters": 0.4}) == "before"


class Sectioned(nn.Module):
    """Sorts by the grey value of the section above or below."""

    context = 1

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.register_buffer("levels", torch.linspace(-1.5, 1.5, 6))
        self.channel = channel

    def forward(self, image: Tensor) -> Tensor:
        assert image.shape[1] == 3
        return -((image[:, self.channel, None] - self.levels[:, None, None]) ** 2)  # type: ignore[operator]


def test_classifiers_that_see_more_sections_are_judged_beside_others(working: WorkingVolume) -> None:
    judge = Judge(working, context=1)
    assert judge.score(ByGrey(6)) == judge.score(Sectioned(1)) == Judge(working).score(ByGrey(6))
    assert judge.score(Sectioned(2)) != judge.score(Sectioned(1))
    assert choose(working, {"network": ByGrey(6), "other": Sectioned(1)}, {"filters": ByGrey(6)}) == "network"
