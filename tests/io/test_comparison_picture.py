from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.comparison_picture import Panel, draw_comparison, family_colors

SHAPE = (3, 60, 90)


@pytest.fixture
def volume(rng: np.random.Generator) -> Volume:
    return Volume(rng.integers(0, 255, SHAPE, dtype=np.uint8), (50.0, 4.0, 4.0), "stack")


def panels(n: int, ids: np.ndarray) -> list[Panel]:
    rows = [RecipeRow(f"recipe {i}", "finished", "", {"merged_miou": 0.5, "csev": 0.2}) for i in range(n)]
    return [Panel(row, ids) for row in rows]


def drawn(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("n_panels", [1, 2, 5, 30])
def test_any_number_of_recipes_fits(n_panels: int, volume: Volume) -> None:
    ids = np.full(SHAPE[1:], 2, np.uint8)
    picture = drawn(draw_comparison(panels(n_panels, ids), volume))
    assert picture.shape[1] < 2400
    # Each panel is 4 times as large as the section, and so many of its colours are there.
    orange_like = (picture[..., 2] > picture[..., 0]).sum()
    assert orange_like >= n_panels * 16 * ids.size


def test_the_same_map_under_other_numbers_looks_the_same(volume: Volume, rng: np.random.Generator) -> None:
    ids = rng.integers(1, 5, SHAPE[1:], dtype=np.uint8)
    other = np.array([0, 4, 3, 1, 2], np.uint8)[ids]
    one, two = panels(2, ids)
    same = draw_comparison([one, two], volume)
    assert draw_comparison([one, Panel(two.row, other)], volume) == same


def test_truth_adds_a_panel_and_a_collapsed_run_says_so(volume: Volume) -> None:
    ids = np.ones(SHAPE[1:], np.uint8)
    labels = np.zeros(SHAPE, np.uint16)
    labels[:, 20:] = 700  # numbers of labels are no indices of colours
    collapsed = Panel(RecipeRow("flat", "collapsed", "", {"effective_classes": 1.0}), ids)
    with_truth = drawn(draw_comparison([collapsed], volume, labels))
    assert with_truth.shape[1] > drawn(draw_comparison([collapsed], volume)).shape[1]
    assert (with_truth == (196, 60, 48)).all(-1).any()


def test_of_a_large_section_the_middle_is_shown_one_to_one() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (1, 500, 700), dtype=np.uint8)
    large = Volume(np.repeat(grey, 3, axis=0), (50.0, 4.0, 4.0))
    picture = drawn(draw_comparison(panels(1, np.ones((500, 700), np.uint8)), large))
    assert picture.shape[0] < 620


def test_classes_of_a_structure_are_shades_of_its_colour() -> None:
    structures = np.repeat([1, 2], 50).reshape(10, 10)
    classes = np.repeat([1, 2, 3, 4], 25).reshape(10, 10).astype(np.uint8)
    own = np.array([(0, 0, 0), (200, 0, 0), (0, 0, 200)], float)
    colors = family_colors(classes, structures, own, 5)
    assert {tuple(colors[k]) for k in (1, 2)} >= {(200.0, 0.0, 0.0)}
    assert {tuple(colors[k]) for k in (3, 4)} >= {(0.0, 0.0, 200.0)}
    assert len({tuple(color) for color in colors}) == 5


def test_without_a_labelled_pixel_classes_have_colours_all_the_same() -> None:
    nothing = np.zeros((4, 4), int)
    colors = family_colors(np.ones((4, 4), np.uint8), nothing, np.zeros((1, 3)), 4)
    assert len({tuple(color) for color in colors}) == 4
