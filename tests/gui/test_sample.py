from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui import sample
from napari_em_autoclass.gui.sample import SampleMaker, make_sample
from napari_em_autoclass.gui.source import SOURCE


def tiny(report: Any) -> Volume:
    return Volume(np.zeros((3, 8, 9), np.uint8), (50.0, 4.0, 4.0), "neuropil", "sample")


@pytest.fixture
def maker(make_napari_viewer: Any) -> SampleMaker:
    return SampleMaker(make_napari_viewer())


def test_the_sample_becomes_a_layer_of_the_viewer(maker: SampleMaker, qtbot: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sample, "make_sample", tiny)
    with qtbot.waitSignal(maker.made) as made:
        maker.begin()
        maker.begin()  # impatient, and no second layer comes of it
    assert made.args[0].name == "neuropil"
    assert len(maker._viewer.layers) == 1


def test_what_went_wrong_is_said(maker: SampleMaker, qtbot: Any, monkeypatch: Any) -> None:
    def fail(report: Any) -> Volume:
        raise MemoryError("no room")

    monkeypatch.setattr(sample, "make_sample", fail)
    with qtbot.waitSignal(maker.failed) as failed:
        maker.begin()
    assert isinstance(failed.args[0], MemoryError)


def test_a_closed_dock_gets_no_layer(maker: SampleMaker, qtbot: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sample, "make_sample", tiny)
    maker.begin()
    worker = maker._worker
    assert worker is not None
    maker.close_down()
    qtbot.waitUntil(lambda: not worker.is_running)
    qtbot.wait(20)
    assert not maker._viewer.layers


@pytest.mark.slow
def test_the_sample_is_the_one_of_the_menu() -> None:
    from napari_em_autoclass.contributions import sample_sstem

    data, attributes, _ = sample_sstem()[0]
    made = make_sample(lambda _: None)
    assert made.voxel_size_nm == attributes["scale"]
    assert made.name == attributes["name"]
    assert attributes["metadata"] == {SOURCE: made.source}
    np.testing.assert_array_equal(made.data, data)
