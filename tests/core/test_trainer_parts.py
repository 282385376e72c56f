"""Runs that learn from a part of the stack: a region, or all but the damaged sections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runs import SIZE, changed, class_map, curves, played

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

# So few places are left in so small a stack that some pixels are drawn twice.
pytestmark = pytest.mark.filterwarnings("ignore:Number of distinct clusters")


def with_section(volume: Volume, z: int, section: np.ndarray | int) -> Volume:
    data = np.array(volume.data[:])
    data[z] = section
    return Volume(data, SIZE, "changed")


def learned(volume: Volume, settings: RunSettings, run: Path) -> list[dict[str, object]]:
    played(Trainer(volume, settings, run_dir=run))
    return curves(run)


def test_what_a_skipped_section_holds_makes_no_difference(
    volume: Volume, settings: RunSettings, tmp_path: Path, rng: np.random.Generator
) -> None:
    skipping = settings.replace(skip_sections=(2,))
    blank = with_section(volume, 2, 0)
    noise = with_section(volume, 2, rng.integers(0, 255, (64, 64), dtype=np.uint8))
    first = learned(blank, skipping, tmp_path / "blank")
    assert learned(noise, skipping, tmp_path / "noise") == first
    assert class_map(tmp_path / "blank", blank).size == volume.data.size  # classified all the same


def test_a_region_alone_is_learned_from_and_all_is_classified(
    volume: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    inside = changed(settings, "region=0:4,:,:")
    first = learned(volume, inside, tmp_path / "first")
    assert learned(with_section(volume, 4, 255), inside, tmp_path / "other") == first
    assert class_map(tmp_path / "first", volume).size == volume.data.size


def test_a_run_in_a_shallow_region_can_be_resumed(volume: Volume, settings: RunSettings, tmp_path: Path) -> None:
    inside = changed(settings, "region=1:4,:,:", "training.steps=2")
    played(Trainer(volume, inside, run_dir=tmp_path))
    resumed = Trainer(volume, changed(inside, "training.steps=4"), run_dir=tmp_path, resume=True)
    assert played(resumed)[-1].step == 4


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("region=0:2,:,:", "at least 3"),
        ("region=:,0:16,:", "tile"),
        ("region=0:9,:,:", "outside"),
        ("skip_sections=[7]", "no section 7"),
    ],
)
def test_impossible_parts_are_refused_and_nothing_is_created(
    volume: Volume, settings: RunSettings, tmp_path: Path, change: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        Trainer(volume, changed(settings, change), run_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
