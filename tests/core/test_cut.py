"""Strips of a cut have the values of the map of the whole section, and come coarse first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_em_autoclass.core import tiling
from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.classifier.unet2d import UNet2d
from napari_em_autoclass.core.cut import CutPainter, coarse_to_fine
from napari_em_autoclass.core.events import CutRequest, ViewRequest
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.snapshot import classify_view
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

K = 4
SHAPE = (5, 50, 77)
XZ = CutRequest(0, 5, 21, 22, 0, 77, (3, 1))
YZ = CutRequest(1, 5, 3, 41, 76, 77, (2,))


@pytest.fixture(autouse=True)
def _several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)


@pytest.fixture(params=[(1, 1), (2, 1)], ids=str)
def working(request: pytest.FixtureRequest) -> WorkingVolume:
    data = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    fitted = Normalisation(centre=128, spread=70, section_centre=(128.0,) * 5, section_spread=(70.0,) * 5)
    return WorkingVolume(Volume(data, (40.0, 4.0, 4.0)), fitted, request.param)


class Net(torch.nn.Module):
    """A U-Net with a head: what a run learns, without its parts that see no pixel."""

    def __init__(self, context: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.net = UNet2d(4, 3, K, 2 * context + 1).eval()
        with torch.no_grad():
            seen = self.net(torch.rand(1, 2 * context + 1, 64, 64) * 3.6 - 1.8)
        self.centre, self.spread = seen.mean((2, 3), keepdim=True), seen.std((2, 3), keepdim=True)
        self.stride, self.radius_px, self.context = self.net.stride, self.net.radius_px, context

    def forward(self, image: torch.Tensor, margin: int = 0) -> torch.Tensor:
        return torch.as_tensor((self.net(image, margin) - self.centre) / self.spread)


@pytest.fixture(params=["filters", "unet2d", "unet25d"])
def classifier(request: pytest.FixtureRequest) -> Any:
    if request.param != "filters":
        return Net(context=int(request.param == "unet25d")).eval()
    torch.manual_seed(0)
    made = FilterClassifier((1.0,), K)
    responses = made.responses(torch.rand(1, 1, 64, 64) * 3.6 - 1.8)
    made.centres.copy_(responses[0].flatten(1).T[640 : 640 + 7 * K : 7])
    return made.eval()


@pytest.mark.parametrize("cut", [XZ, YZ], ids=["XZ", "YZ"])
def test_strips_have_the_values_of_the_whole_section(classifier: Any, working: WorkingVolume, cut: CutRequest) -> None:
    found = CutPainter(working, K, cut).paint(classifier, budget_s=1e9)
    assert sorted(found.sections) == list(range(cut.z0, cut.z1))
    y0, x0 = found.corner_yx
    for i, z in enumerate(found.sections):
        whole = classify_view(classifier, working, K, ViewRequest(z, 0, 50, 0, 77, cut.prob_classes))
        here = (slice(y0, y0 + found.classes.shape[1]), slice(x0, x0 + found.classes.shape[2]))
        assert here[0].start <= cut.y0 < cut.y1 <= here[0].stop
        assert here[1].start <= cut.x0 < cut.x1 <= here[1].stop
        np.testing.assert_array_equal(found.classes[i], whole.classes[here])
        np.testing.assert_array_equal(found.confidence[i], whole.confidence[here])
        for (k, strips), (same_k, of_section) in zip(found.probs, whole.probs, strict=True):
            assert k == same_k
            np.testing.assert_array_equal(strips[i], of_section[here])
    assert len(np.unique(found.classes)) > 1


def test_a_piece_is_small_and_together_they_are_each_section_once_then_all_anew(
    classifier: Any, working: WorkingVolume
) -> None:
    painter = CutPainter(working, K, XZ)
    pieces, complete = [], []
    for _ in range(7):
        pieces.append(painter.paint(classifier, budget_s=0.0))
        complete.append(painter.is_complete)
    assert all(len(piece.sections) == 1 for piece in pieces)
    assert [piece.sections[0] for piece in pieces] == [0, 4, 2, 1, 3, 0, 4]
    assert complete == [False] * 4 + [True] * 3


def test_rows_of_one_strip_need_not_be_painted_again(classifier: Any, working: WorkingVolume) -> None:
    painter = CutPainter(working, K, XZ)
    assert not painter.take_up(XZ)  # nothing painted yet: how thick a strip is depends on the network
    thick = painter.paint(classifier, budget_s=0.0).classes.shape[1]
    first = XZ.y0 // thick * thick
    for row in range(50):
        fits = first <= row < first + thick
        assert painter.take_up(replace(XZ, y0=row, y1=row + 1, serial=row)) is fits
    assert not painter.take_up(replace(XZ, prob_classes=()))
    assert not painter.take_up(replace(XZ, x1=60))
    assert not painter.take_up(replace(XZ, z1=4))
    assert not painter.take_up(YZ)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9, 100])
def test_coarse_to_fine_is_each_once_and_even_from_the_beginning(n: int) -> None:
    order = coarse_to_fine(7, 7 + n)
    assert sorted(order) == list(range(7, 7 + n))
    for m in (2, 4, 8, 16):
        if 2 * m <= n:
            gaps = np.diff([7, *sorted(order[:m]), 7 + n])
            assert gaps.max() <= 4 * n / m
