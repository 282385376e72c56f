from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core import elsewhere as core
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.place import Place
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.io import elsewhere
from napari_em_autoclass.io.elsewhere import RunRequest, attach, open_elsewhere, running_at
from napari_em_autoclass.io.reference import ByPath

SIZE = (50.0, 4.0, 4.0)
AT = Place("cluster", " tcp://box:8786 ", keeps_going=True)


class FakeCluster:
    """Holds trainings; remembers whether it was closed."""

    def __init__(self, *infos: Any) -> None:
        self.infos, self.is_closed, self.address = list(infos), False, ""

    def trainings(self) -> list[Any]:
        return self.infos

    def close(self) -> None:
        self.is_closed = True


def info(run_id: str, settings: RunSettings, run_dir: Path) -> core.TrainingInfo:
    where = ("tcp://box:1", "stack", "print", settings, str(run_dir), "/scratch")
    return core.TrainingInfo(run_id, *where, "paused", 3, 0.1, True)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, fast_settings: RunSettings, tmp_path: Path) -> FakeCluster:
    made = FakeCluster(*(info(run_id, fast_settings, tmp_path / "run") for run_id in ("3f2a", "3f9b", "77aa")))

    def connect(address: str) -> FakeCluster:
        made.address = address
        return made

    monkeypatch.setattr(core, "connect", connect)
    monkeypatch.setattr(core, "own_process", lambda: connect("own"))
    return made


@pytest.fixture
def volume(tmp_path: Path, rng: np.random.Generator) -> Any:
    np.save(tmp_path / "stack.npy", rng.integers(0, 255, (4, 20, 30), dtype=np.uint8))
    return ByPath(str(tmp_path / "stack.npy"), SIZE)()


def test_an_order_names_stack_run_and_whether_it_goes_on(
    cluster: FakeCluster, volume: Any, fast_settings: RunSettings, tmp_path: Path
) -> None:
    trainer = open_elsewhere(AT, volume, RunRequest(fast_settings, tmp_path / "run", True))
    order = trainer._order
    assert cluster.address == "tcp://box:8786"
    assert (order.run_dir, order.resume, order.keeps_going) == (str(tmp_path / "run"), True, True)
    assert order.open_volume == ByPath(volume.source, SIZE)
    own = open_elsewhere(Place("own process", keeps_going=True), volume, RunRequest(fast_settings, tmp_path / "run"))
    assert cluster.address == "own"
    assert not own._order.keeps_going  # it ends with us
    assert own.run_id != trainer.run_id


def test_a_folder_that_holds_a_run_lets_go_of_the_cluster_again(
    cluster: FakeCluster, volume: Any, fast_settings: RunSettings, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match="already holds a run"):
        open_elsewhere(AT, volume, RunRequest(fast_settings, tmp_path))
    assert cluster.is_closed


def test_a_cluster_needs_an_address(volume: Any, fast_settings: RunSettings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="type the address"):
        open_elsewhere(Place("cluster", " "), volume, RunRequest(fast_settings, tmp_path / "run"))


def test_what_runs_somewhere_is_listed_and_the_connection_closed(cluster: FakeCluster) -> None:
    assert [found.run_id for found in running_at("tcp://box:8786")] == ["3f2a", "3f9b", "77aa"]
    assert cluster.is_closed


def test_a_training_is_found_by_how_its_id_begins(cluster: FakeCluster, tmp_path: Path) -> None:
    trainer = attach("tcp://box:8786", "77", tmp_path / "mine")
    assert (trainer.run_id, trainer.run_dir, trainer.is_paused) == ("77aa", tmp_path / "mine", True)
    assert attach("tcp://box:8786", "3f2a").run_dir == tmp_path / "run"


@pytest.mark.parametrize(("run_id", "complaint"), [("zz", "no training zz"), ("3f", "several trainings 3f")])
def test_an_id_that_names_none_or_several_is_refused(cluster: FakeCluster, run_id: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        attach("tcp://box:8786", run_id)
    assert cluster.is_closed


def test_the_module_is_imported_without_dask() -> None:
    assert elsewhere.__doc__
    import subprocess
    import sys

    code = "import sys, napari_em_autoclass.io.elsewhere; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
