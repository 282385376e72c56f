from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_em_autoclass.cli.options import StackRequest
from napari_em_autoclass.cli.several import open_further, refuse_several
from napari_em_autoclass.core.errors import InputError


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Give two stacks, the second with a blank section."""
    made = []
    for name in ("a", "b"):
        rng = np.random.default_rng(0)
        data = (rng.integers(60, 180, (40, 50)) + rng.integers(0, 20, (12, 40, 50))).astype(np.uint8)
        if name == "b":
            data[5] = 0
        made.append(str(tmp_path / f"{name}.tif"))
        tifffile.imwrite(made[-1], data)
    return made


REQUEST = StackRequest("first.tif", (40.0, 8.0, 8.0))


def test_further_volumes_are_opened_like_the_first_and_looked_through(
    paths: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = open_further(paths, REQUEST, None, resume=False)
    assert (a.volume.name, a.volume.voxel_size_nm, a.skip_sections) == ("a", (40, 8, 8), ())
    assert b.skip_sections == (5,)
    assert "b: Section 5 looks damaged. Nothing is learned from there." in capsys.readouterr().err


@pytest.mark.parametrize(("wish", "resume"), [("none", False), (None, True)])
def test_they_are_not_looked_through_where_that_is_not_wanted(paths: list[str], wish: str, resume: bool) -> None:
    assert [further.skip_sections for further in open_further(paths, REQUEST, wish, resume=resume)] == [(), ()]


def test_sections_to_skip_are_those_of_one_volume(paths: list[str]) -> None:
    with pytest.raises(InputError, match="sections of one volume"):
        open_further(paths, REQUEST, "3", resume=False)
    assert open_further([], REQUEST, "3", resume=False) == []


def test_several_volumes_are_learned_from_here_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_several(["a", "b"], is_here=True)
    refuse_several(["a"], is_here=False)
    with pytest.raises(InputError, match="one process, here"):
        refuse_several(["a", "b"], is_here=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="one process, here"):
        refuse_several(["a", "b"], is_here=True)
