"""Which processes make the blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_em_autoclass.cli.cluster import Crew
from napari_em_autoclass.cli.options import StackRequest
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.io.block_work import InThisProcess


def test_by_default_it_is_this_process_alone() -> None:
    crew = Crew()
    assert not crew.is_elsewhere
    with crew.executor(StackRequest("stack.tif"), RunSettings(), lambda: None) as executor:
        assert isinstance(executor, InThisProcess)


def test_a_scheduler_that_is_not_there_is_told() -> None:
    crew = Crew(scheduler="ftp://nowhere:1")
    with (
        pytest.raises(InputError, match="begin the address with tcp://"),
        crew.executor(StackRequest("stack.tif"), RunSettings(), lambda: None),
    ):
        pytest.fail("somebody answered")


@pytest.mark.parametrize(
    "crew",
    [
        {"scheduler": "tcp://a:1", "workers": 2},
        {"threads_per_worker": 2},
        {"tls": (Path("ca.pem"), None, None)},
        {"workers": 1, "tls": (Path("ca.pem"), None, None)},
    ],
)
def test_options_that_contradict_each_other_are_refused(crew: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Crew(**crew)  # type: ignore[arg-type]


def test_a_stack_is_found_from_another_folder_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from napari_em_autoclass.cli.cluster import anywhere

    monkeypatch.chdir(tmp_path)
    assert anywhere(StackRequest("stack.h5:/raw")).path == f"{tmp_path}/stack.h5:/raw"
    assert anywhere(StackRequest("~/stack.tif")).path == str(Path.home() / "stack.tif")
    assert anywhere(StackRequest("s3://bucket/stack.zarr")).path == "s3://bucket/stack.zarr"
