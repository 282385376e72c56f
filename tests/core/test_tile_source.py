from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.tile_source import TileSource
from napari_em_autoclass.core.views import turn
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

NM = (40.0, 8.0, 8.0)


def stack(shape: tuple[int, int, int]) -> Volume:
    return Volume(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), NM)


@pytest.fixture
def settings(fast_settings: RunSettings) -> RunSettings:
    return apply_setting(fast_settings, "tiles.neighbour_distances_nm=[40, 80]")


@pytest.fixture
def working(settings: RunSettings) -> WorkingVolume:
    return working_volume(stack((9, 40, 70)), settings)


@pytest.fixture
def textons() -> FilterClassifier:
    torch.manual_seed(0)
    made = FilterClassifier((1.0,), 6)
    made.centres.copy_(0.3 * torch.randn(made.centres.shape))
    return made


@pytest.fixture
def source(working: WorkingVolume, settings: RunSettings, textons: FilterClassifier) -> TileSource:
    made = TileSource(working, settings=settings)
    made.open(textons)
    return made


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_nearest_neighbours_come_first(source: TileSource) -> None:
    assert source.offsets == (1, 2)
    assert source.neighbours == (-1, 1, -2, 2)


def test_tiles_have_the_shapes_promised(source: TileSource, settings: RunSettings) -> None:
    drawn = source.draw(settings, 0, 3, rng())
    assert drawn.sections.shape == (3, 5, 1, 32, 32)
    assert drawn.sections.dtype == torch.float32
    assert drawn.pixels.shape == (3, 256)
    assert 0 <= int(drawn.pixels.min()) <= int(drawn.pixels.max()) < 32 * 32
    assert drawn.textons.keys() == {0, -1, 1, -2, 2}
    assert all(labels.shape == (3 * 256,) and labels.dtype == torch.int64 for labels in drawn.textons.values())


def test_no_more_pixels_are_drawn_than_there_are(source: TileSource, settings: RunSettings) -> None:
    many = apply_setting(settings, "training.pixels_per_tile=100000")
    assert source.draw(many, 0, 1, rng()).pixels.shape == (1, 32 * 32)


def test_sections_stand_in_the_order_of_the_neighbours(
    source: TileSource, settings: RunSettings, working: WorkingVolume
) -> None:
    data = (working.normalisation.apply(np.asarray(working.volume.data), 0)).astype(np.float16).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(data, (32, 32), axis=(1, 2))  # (Z, 9, 39, 32, 32)
    for seed in range(4):
        sections = source.draw(settings, 0, 1, rng(seed)).sections[0, :, 0]
        found = []
        for section in sections:
            for symmetry in range(8):
                tile = turn(section[None], symmetry)[0].numpy()
                hits = np.argwhere((windows == tile).all(axis=(-2, -1)))
                found += [(int(z), symmetry, int(y), int(x)) for z, y, x in hits]
        depths, *rest = zip(*found, strict=True)
        middle = depths[0]
        assert [z - middle for z in depths] == [0, -1, 1, -2, 2]
        assert all(len(set(same)) == 1 for same in rest), "all sections are turned alike and cut at one place"


def test_textons_are_those_of_the_turned_sections_at_the_drawn_pixels(
    source: TileSource, settings: RunSettings, textons: FilterClassifier
) -> None:
    # A filter sees no further than this from a pixel; nearer to the edge the tile alone can't tell.
    margin = textons.radius_px
    drawn = source.draw(settings, 0, 2, rng(5))
    rows, columns = drawn.pixels // 32, drawn.pixels % 32
    is_inside = (torch.minimum(rows, columns) >= margin) & (torch.maximum(rows, columns) < 32 - margin)
    for place, offset in enumerate((0, *source.neighbours)):
        with torch.no_grad():
            labels = textons(drawn.sections[:, place]).argmax(dim=1).flatten(1)  # (B, H * W)
        expected = labels.gather(1, drawn.pixels)[is_inside]
        found = drawn.textons[offset].reshape(2, -1)[is_inside]
        assert len(found) > 50
        # The filters of a tile that was turned back differ in rounding, and the pixels are stored in half precision.
        assert (found == expected).float().mean() > 0.97


def test_a_step_can_be_repeated(
    working: WorkingVolume, settings: RunSettings, source: TileSource, textons: FilterClassifier
) -> None:
    other = TileSource(working, settings=settings)
    other.open(textons)
    for step in (0, 3, 50):
        one, two = (s.draw(settings, step, 2, rng(step)) for s in (source, other))
        assert torch.equal(one.sections, two.sections)
        assert torch.equal(one.pixels, two.pixels)
        assert all(torch.equal(one.textons[key], two.textons[key]) for key in one.textons)
    assert not torch.equal(one.sections, source.draw(settings, 50, 2, rng(51)).sections)


def test_triples_are_sections_between_their_nearest_neighbours(source: TileSource, settings: RunSettings) -> None:
    triples = source.triples(settings, 0, 5, rng())
    assert len(triples) == 5
    assert all(triple.shape == (3, 1, 32, 32) for triple in triples)
    assert not torch.equal(triples[0][0], triples[0][1])


def test_three_sections_are_enough(settings: RunSettings, textons: FilterClassifier) -> None:
    source = TileSource(working_volume(stack((3, 32, 32)), settings), settings=settings)
    source.open(textons)
    assert source.draw(settings, 0, 2, rng()).sections.shape == (2, 3, 1, 32, 32)


@pytest.mark.parametrize(("shape", "complaint"), [((2, 64, 64), "at least 3"), ((5, 31, 64), "smaller tile")])
def test_a_stack_too_small_is_refused(settings: RunSettings, shape: tuple[int, int, int], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        TileSource(working_volume(stack(shape), settings), settings=settings)


def test_a_network_of_three_sections_gets_them(
    working: WorkingVolume, settings: RunSettings, source: TileSource, textons: FilterClassifier
) -> None:
    wanted = apply_setting(settings, "classifier.backbone=unet25d")
    three = TileSource(working, settings=wanted)
    three.open(textons)
    drawn, plain = (each.draw(settings, 0, 3, rng()) for each in (three, source))
    assert drawn.sections.shape == (3, 5, 3, 32, 32)
    assert torch.equal(drawn.sections[:, :, 1:2], plain.sections)
    assert torch.equal(drawn.sections[:, 0, 0], plain.sections[:, 1, 0])  # the one below is the neighbour at -1
    assert three.triples(settings, 0, 2, rng())[0].shape == (3, 3, 32, 32)
