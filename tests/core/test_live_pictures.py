"""Pictures as events: between the steps of a training, and beside them."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.events import Notice, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.live_pictures import LivePictures
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.volume import Volume

VIEW = ViewRequest(1, 0, 64, 0, 64, serial=1)


class FakeTraining(SimpleNamespace):
    """A `SimpleNamespace` itself can't be referred to weakly."""


@pytest.fixture
def training(settings: RunSettings) -> Any:
    settings = apply_setting(settings, "training.snapshot_every_s=4")
    return FakeTraining(run_id="run", view=VIEW, is_paused=False, settings=settings, stopped_for_s=0.0)


@pytest.fixture
def look() -> Any:
    return FilterClassifier((1.0,), 4).eval(), ("run", 3, "learning")


@pytest.fixture
def made(training: Any, volume: Volume) -> LivePictures:
    return LivePictures(training, working_volume(volume, training.settings))


def running() -> Future[Any]:
    return Future()


def done() -> Future[Any]:
    step: Future[Any] = Future()
    step.set_result([])
    return step


def test_beside_the_shortest_step_comes_what_is_due_and_no_more(made: LivePictures, look: Any, fake_time: Any) -> None:
    (picture,) = made.until(done(), look)
    assert isinstance(picture, SnapshotTaken)
    assert (picture.run_id, picture.step, picture.view) == ("run", 3, VIEW)
    assert list(made.until(done(), look)) == []
    fake_time.now += 5
    assert len(list(made.until(done(), look))) == 1


def test_beside_a_long_step_pictures_come_as_they_are_due(
    made: LivePictures, training: Any, look: Any, fake_time: Any
) -> None:
    step, found = running(), []
    for picture in made.until(step, look):
        found.append(picture.view.z)
        if len(found) == 1:
            fake_time.now += 5  # the same again
        elif len(found) == 2:
            training.view = ViewRequest(3, 0, 64, 0, 64, serial=2)  # somebody scrolled
        else:
            step.set_result([])
    assert found == [1, 1, 3]


def test_a_picture_that_would_hold_up_the_next_step_waits_for_it(
    made: LivePictures, look: Any, fake_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = list[float]()

    def waited(steps: tuple[Future[Any]], timeout: float) -> None:
        waits.append(fake_time.now)
        steps[0].set_result([])

    monkeypatch.setattr("napari_em_autoclass.core.live_pictures.wait", waited)
    made._pictures.take(*look[:1], VIEW, look[1])
    made._pictures._took_s = 0.4
    fake_time.now += 5
    began, found = fake_time.now, []
    for _ in made.until(running(), look, 10.0):
        made._pictures._took_s = 0.4
        found.append(round(fake_time.now - began, 1))
        # 5.1 s are left, more than it takes; then 0.1 s, less than half of that
        fake_time.now += 4.9 if len(found) == 1 else 5.0
    assert found == [0, 4.9]
    assert waits == [began + 9.9]


@pytest.mark.parametrize("change", [{"view": None}, {"stopped_for_s": 0.1}], ids=str)
def test_what_nobody_looks_at_is_not_made(
    made: LivePictures, training: Any, look: Any, fake_time: Any, change: dict[str, Any]
) -> None:
    vars(training).update(change)
    assert list(made.until(done(), look)) == []


def test_a_large_section_comes_piece_by_piece_and_between_steps_whole(
    made: LivePictures, training: Any, look: Any, fake_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_em_autoclass.core.tiling._MAX_TILE_PX", 32)
    monkeypatch.setattr("napari_em_autoclass.core.pictures._PIECE_S", 0.0)
    monkeypatch.setattr("napari_em_autoclass.core.tiling.TileGrid.size_at", lambda *_: (16, 16))
    grow = [picture.is_complete for picture in made.due(look)]
    assert grow == sorted(grow)
    assert grow[-1]
    assert list(made.due(look)) == []  # it is there


def test_a_section_that_cannot_be_read_is_said_once(
    training: Any, look: Any, fake_time: Any, phantom: Any, settings: RunSettings
) -> None:
    raw = phantom.raw.astype(np.float32)
    volume = Volume(raw, phantom.voxel_size_nm, "phantom")
    made = LivePictures(training, working_volume(volume, settings))
    raw[1] = np.nan
    (notice,) = made.until(done(), look)
    assert isinstance(notice, Notice)
    assert notice.message.startswith("There is no map of what is in view: ")
    fake_time.now += 5
    assert list(made.until(done(), look)) == []


def test_after_a_stop_a_picture_has_half_a_second(made: LivePictures, training: Any, look: Any) -> None:
    training.stopped_for_s = 0.4
    assert len(list(made.of(VIEW, look))) == 1
    training.stopped_for_s = 0.6
    assert list(made.of(VIEW, look)) == []
