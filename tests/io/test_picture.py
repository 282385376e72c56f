from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io.picture import PictureSection, draw_picture, picture_sections, save_picture


@pytest.fixture
def volume(rng: np.random.Generator) -> Volume:
    return Volume(rng.integers(0, 255, (9, 40, 60), dtype=np.uint8), (50.0, 4.0, 4.0), "a stack")


@pytest.fixture
def classes() -> np.ndarray:
    """Left third class 1, middle class 2, right class 3; section 4 is all class 3."""
    ids = np.repeat(np.array([1, 2, 3], np.uint8), 20)[None, None].repeat(40, axis=1).repeat(9, axis=0)
    ids[4] = 3
    return ids


def rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def share_of(picture: Image.Image, color: str) -> float:
    return float((np.asarray(picture) == rgb(color)).all(axis=-1).mean())


def test_three_sections_are_spread_over_the_depth(volume: Volume, classes: np.ndarray) -> None:
    sections = picture_sections(volume, classes)
    assert [section.z for section in sections] == [1, 4, 7]
    np.testing.assert_array_equal(sections[1].raw, volume.section(4))
    np.testing.assert_array_equal(sections[1].classes, classes[4])


def test_a_thin_stack_shows_each_of_its_sections_once(volume: Volume, classes: np.ndarray) -> None:
    thin = Volume(volume.read(Box(0, 2, 0, 40, 0, 60)), volume.voxel_size_nm)
    assert [section.z for section in picture_sections(thin, classes[:2])] == [0, 1]


def test_classes_of_another_shape_are_refused(volume: Volume, classes: np.ndarray) -> None:
    with pytest.raises(InputError, match="differ in shape"):
        picture_sections(volume, classes[:, :, 1:])


def test_classes_show_in_their_colours_with_their_shares(volume: Volume, classes: np.ndarray) -> None:
    class_map = ClassMap.fresh(5)
    picture = draw_picture(picture_sections(volume, classes), class_map, volume.voxel_size_nm, (volume.name, ""))
    shown = [share_of(picture, class_map.color_of(i)) for i in range(1, 6)]
    # Class 3 fills one third of two sections and all of one: as much again and more as class 1 and class 2 have.
    assert shown[0] == pytest.approx(shown[1], rel=0.03)
    assert shown[2] == pytest.approx(shown[0] / 2 * 5, rel=0.03)
    assert shown[3] == shown[4] == 0  # neither drawn nor in the legend


def test_merged_classes_show_in_one_colour(volume: Volume, classes: np.ndarray) -> None:
    class_map = ClassMap.fresh(3).merge((1, 3), "both")
    picture = draw_picture(picture_sections(volume, classes), class_map, volume.voxel_size_nm, ("", ""))
    assert share_of(picture, ClassMap.fresh(3).color_of(3)) == 0
    assert share_of(picture, class_map.color_of(3)) > share_of(picture, class_map.color_of(2))


def test_the_picture_keeps_the_physical_proportions(classes: np.ndarray, volume: Volume) -> None:
    sections = picture_sections(volume, classes)[:1]
    flat = draw_picture(sections, ClassMap.fresh(3), (50.0, 4.0, 4.0), ("", ""))
    tall = draw_picture(sections, ClassMap.fresh(3), (50.0, 8.0, 4.0), ("", ""))
    # 60 px across are 480 px of picture: 40 px down are 320, or 640 if they are twice as long.
    assert tall.height - flat.height == 320


def test_grey_values_of_any_range_fill_the_picture(classes: np.ndarray, rng: np.random.Generator) -> None:
    grey = rng.normal(0, 1, (40, 60))
    same = [
        draw_picture([PictureSection(0, raw, classes[0])], ClassMap.fresh(3), (50.0, 4.0, 4.0), ("", ""))
        for raw in (grey, grey * 1e-4, (grey * 1000 + 30000).astype(np.uint16))
    ]
    assert np.abs(np.asarray(same[0], int) - np.asarray(same[1], int)).max() <= 1
    assert np.abs(np.asarray(same[0], int) - np.asarray(same[2], int)).mean() < 1


def test_a_constant_section_and_unclassified_voxels_can_be_drawn() -> None:
    section = PictureSection(0, np.full((8, 8), 5, np.uint8), np.zeros((8, 8), np.uint8))
    assert draw_picture([section], ClassMap.fresh(3), (1.0, 1.0, 1.0), ("", "")).mode == "RGB"


def test_many_classes_and_long_or_foreign_names_fit(volume: Volume) -> None:
    every = np.arange(9 * 40 * 60).reshape(9, 40, 60) % 254 + 1
    class_map = ClassMap.fresh(254).rename(1, "Mitochondrien-Außenmembran und 線粒體")
    sections = picture_sections(volume, every.astype(np.uint8))
    assert draw_picture(sections, class_map, volume.voxel_size_nm, ("x" * 300, "y" * 300)).width < 2000


def test_a_picture_is_a_whole_file_or_none(
    volume: Volume, classes: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_picture(tmp_path / "picture.png", volume, classes, ClassMap.fresh(3))
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    before = path.read_bytes()

    def full(self: Image.Image, at: Path, **_: object) -> None:
        Path(at).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save_picture(path, volume, classes, ClassMap.fresh(3))
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["picture.png"]
