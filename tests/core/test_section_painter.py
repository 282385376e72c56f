"""A section painted in pieces is the section classified whole, and shows from its middle on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_em_autoclass.core import section_painter, tiling
from napari_em_autoclass.core.classifier.unet2d import UNet2d
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.model import empty_classifiers
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.section_painter import SectionPainter
from napari_em_autoclass.core.snapshot import Abandoned, classify_view
from napari_em_autoclass.core.tiling import TileGrid
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

K = 4
VIEW = ViewRequest(2, 3, 95, 0, 77, (3, 1))  # 3 x 3 tiles


@pytest.fixture(autouse=True)
def _several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 32)


@pytest.fixture
def working() -> WorkingVolume:
    data = np.random.default_rng(0).integers(0, 256, (5, 96, 77), dtype=np.uint8)
    fitted = Normalisation(centre=128, spread=70, section_centre=(128.0,) * 5, section_spread=(70.0,) * 5)
    return WorkingVolume(Volume(data, (40.0, 4.0, 4.0)), fitted, (1, 1))


class Net(torch.nn.Module):
    """A U-Net that answers with all of its classes."""

    context = 0

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.net = UNet2d(4, 3, K, 1).eval()
        with torch.no_grad():
            seen = self.net(torch.rand(1, 1, 64, 64) * 3.6 - 1.8)
        self.centre, self.spread = seen.mean((2, 3), keepdim=True), seen.std((2, 3), keepdim=True)
        self.stride, self.radius_px = self.net.stride, self.net.radius_px

    def forward(self, image: torch.Tensor, margin: int = 0) -> torch.Tensor:
        return torch.as_tensor((self.net(image, margin) - self.centre) / self.spread)


@pytest.fixture
def net() -> Any:
    return Net(1).eval()


def test_the_whole_is_bit_for_bit_what_it_would_be_at_one_go(working: WorkingVolume, net: Any) -> None:
    painter = SectionPainter(working, K, VIEW)
    known = [0]
    while not painter.is_complete:
        piece = painter.paint(net, 0.0)
        known.append(len(painter.frames))
    whole = classify_view(net, working, K, VIEW)
    assert known == list(range(10))
    np.testing.assert_array_equal(piece.classes, whole.classes)
    np.testing.assert_array_equal(piece.confidence, whole.confidence)
    assert [k for k, _ in piece.probs] == [3, 1]
    for (_, prob), (_, expected) in zip(piece.probs, whole.probs, strict=True):
        np.testing.assert_array_equal(prob, expected)


def test_the_middle_comes_first_and_what_is_not_painted_is_0(working: WorkingVolume, net: Any) -> None:
    painter = SectionPainter(working, K, VIEW)
    piece = painter.paint(net, 0.0)
    ((y0, y1, x0, x1),) = painter.frames
    assert y0 < 49 < y1
    assert x0 < 38 < x1
    inside = np.zeros(piece.classes.shape, bool)
    inside[y0 - 3 : y1 - 3, x0:x1] = True
    np.testing.assert_array_equal(piece.classes > 0, inside)


def test_a_piece_is_not_written_to_later(working: WorkingVolume, net: Any) -> None:
    painter = SectionPainter(working, K, VIEW)
    first = painter.paint(net, 0.0)
    kept = first.classes.copy()
    painter.paint(net, 60.0)
    np.testing.assert_array_equal(first.classes, kept)


def test_once_complete_newer_weights_follow_tile_by_tile(working: WorkingVolume, net: Any) -> None:
    painter = SectionPainter(working, K, VIEW)
    before = painter.paint(net, 60.0)
    assert painter.is_complete
    assert not painter.is_hurried
    other = Net(2).eval()
    after = painter.paint(other, 0.0)
    whole = classify_view(other, working, K, VIEW)
    new = after.classes != before.classes
    assert 0 < new.sum() < (whole.classes != before.classes).sum()
    np.testing.assert_array_equal(after.classes[new], whole.classes[new])
    painter.hurry()
    for _ in range(9):
        assert painter.is_hurried
        after = painter.paint(other, 0.0)
    assert not painter.is_hurried
    np.testing.assert_array_equal(after.classes, whole.classes)


def test_kept_fresh_in_halves_of_tiles_it_is_bit_for_bit_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # tiles as large as ever
    data = np.random.default_rng(0).integers(0, 256, (3, 250, 200), dtype=np.uint8)
    fitted = Normalisation(centre=128, spread=70, section_centre=(128.0,) * 3, section_spread=(70.0,) * 3)
    working = WorkingVolume(Volume(data, (50.0, 8.0, 8.0)), fitted, (1, 1))
    torch.manual_seed(0)
    network = empty_classifiers(RunSettings(), working.volume.voxel_size_nm, 3)["student"].eval()
    with torch.no_grad():
        network.head.weight.mul_(30)  # several classes, each here and there
    view = ViewRequest(1, 0, 250, 0, 200, (3, 0))
    sizes, classify = list[tuple[int, int]](), section_painter.classify_tile

    def noted(classifier: Any, working: Any, grid: TileGrid, *rest: Any) -> Any:
        sizes.append((grid.height, grid.width))
        return classify(classifier, working, grid, *rest)

    monkeypatch.setattr(section_painter, "classify_tile", noted)
    painter = SectionPainter(working, 20, view)
    whole = painter.paint(network, 60.0)
    halves = [painter.paint(network, 0.0) for _ in range(2)]
    assert sizes == [(256, 200), (128, 200), (128, 200)]
    assert len(np.unique(whole.classes)) > 2
    for half in halves:
        np.testing.assert_array_equal(half.classes, whole.classes)
        np.testing.assert_array_equal(half.confidence, whole.confidence)
        for (_, prob), (_, expected) in zip(half.probs, whole.probs, strict=True):
            np.testing.assert_array_equal(prob, expected)


def test_nobody_waits_for_what_nobody_wants(working: WorkingVolume, net: Any) -> None:
    painter = SectionPainter(working, K, VIEW)
    with pytest.raises(Abandoned):
        painter.paint(net, 60.0, lambda: False)
    answers = iter([True, True, False])
    painter.paint(net, 60.0, lambda: next(answers))
    assert len(painter.frames) == 2


@pytest.mark.parametrize("other", [replace(VIEW, z=1), replace(VIEW, x1=70), replace(VIEW, prob_classes=(1,))])
def test_another_view_needs_another_painter(working: WorkingVolume, net: Any, other: ViewRequest) -> None:
    painter = SectionPainter(working, K, VIEW)
    painter.paint(net, 0.0)
    assert not painter.take_up(other)
    assert painter.take_up(replace(VIEW, serial=8))
    assert len(painter.frames) == 1


def test_a_view_outside_the_volume_is_blank_and_complete(working: WorkingVolume, net: Any) -> None:
    painter = SectionPainter(working, K, ViewRequest(0, 200, 210, 200, 220))
    assert not painter.paint(net, 1.0).classes.any()
    assert painter.is_complete
    assert not painter.is_hurried
