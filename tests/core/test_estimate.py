from __future__ import annotations

import pytest

from napari_em_autoclass.core.estimate import (
    Estimate,
    Trial,
    duration,
    estimate,
    estimated,
    farthest,
    measure,
    memory_mb,
    size,
)
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Volume

TRIAL = Trial(0.2, 3.0, fit_s_per_pixel=1e-8, sketch_s_per_pixel=2e-6, classify_s_per_pixel=1e-6, bytes_per_voxel=0.25)


def test_times_are_multiplied_out_over_the_stack() -> None:
    made = estimate(TRIAL, (100, 2000, 1000), (2, 2), RunSettings(), offset=2)
    section = 1000 * 500  # working pixels
    assert made.whole_volume_s == pytest.approx(100 * section * 1e-6)
    assert made.first_map_s == pytest.approx(100 * 5 * 256 * 256 * 1e-8 + 3.0 + section * 2e-6)
    assert made.step_s == 0.2
    assert made.disk_mb == pytest.approx(50)


def test_a_stack_twice_as_deep_takes_twice_as_long_to_classify_and_no_more_memory() -> None:
    once, twice = (estimate(TRIAL, (z, 4000, 4000), (1, 1), RunSettings(), 2) for z in (500, 1000))
    assert twice.whole_volume_s == pytest.approx(2 * once.whole_volume_s)
    assert twice.memory_mb == once.memory_mb


def test_memory_counts_the_regions_held_and_the_tiles_of_a_step() -> None:
    settings = RunSettings()
    tiles = settings.tiles
    grown = settings.replace(tiles=tiles.replace(n_regions=2 * tiles.n_regions))
    region = (tiles.region_sections + 4) * tiles.region_px**2 * 3 / 1e6
    shape, section = (500, 8000, 8000), 4000 * 4000
    more = memory_mb(shape, section, grown, 2) - memory_mb(shape, section, settings, 2)
    assert more == pytest.approx(tiles.n_regions * region)
    wide = settings.replace(training=settings.training.replace(tiles_per_step=60))
    assert memory_mb(shape, section, wide, 2) > memory_mb(shape, section, settings, 2)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (42, "42 s"), (200, "3 min"), (9000, "2.5 h")])
def test_times_are_told_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_sentence_has_its_units() -> None:
    said = Estimate(6, 0.214, 250, 1234, 34).sentence
    assert said == "First map 6 s · step 0.21 s · whole stack 4 min · memory 1.2 GB · file 34 MB"


@pytest.mark.parametrize(("megabytes", "text"), [(0.2, "1 MB"), (34.4, "34 MB"), (634, "630 MB"), (2350, "2.4 GB")])
def test_sizes_are_told_as_people_do(megabytes: float, text: str) -> None:
    assert size(megabytes) == text


def test_a_trial_measures_all_of_it_and_reports(volume: Volume, settings: RunSettings) -> None:
    fractions: list[float] = []
    made = estimated(volume, settings, measure(volume, settings, fractions.append))
    assert min(made.first_map_s, made.step_s, made.whole_volume_s, made.disk_mb) > 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert farthest(volume, settings) >= 1
