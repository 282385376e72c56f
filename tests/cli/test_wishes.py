from __future__ import annotations

from pathlib import Path

import pytest

from napari_em_autoclass.cli.wishes import Wishes
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.request import LevelFit


def test_the_working_pixel_size_wished_for_chooses_the_level() -> None:
    assert Wishes().level_fit(Path("new"), resume=False) == LevelFit(8.0)
    assert Wishes(assignments=("working_pixel_nm=16",)).level_fit(Path("new"), resume=False) == LevelFit(16.0)
    assert Wishes(skip_sections="none").level_fit(Path("new"), resume=False) == LevelFit(8.0)


@pytest.mark.parametrize("wishes", [Wishes(region="0:4,:,:"), Wishes(skip_sections="3,7-9")])
def test_who_counts_voxels_or_sections_counts_those_of_the_finest_level(wishes: Wishes) -> None:
    assert wishes.level_fit(Path("new"), resume=False) is None


def test_there_must_be_a_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run folder"):
        Wishes().level_fit(tmp_path, resume=True)


def test_steps_and_seconds_contradict_each_other() -> None:
    with pytest.raises(InputError, match="either --steps or --seconds"):
        Wishes(steps=3, seconds=4.0).settings()
