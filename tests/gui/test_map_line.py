from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.gui.map_line import MapLine

NOTICE = "The map is gone. <a href='show'>Show it again</a>"


@pytest.fixture
def line(qtbot: Any) -> MapLine:
    made = MapLine()
    qtbot.addWidget(made)
    return made


def test_it_reads_what_is_under_the_pointer(line: MapLine) -> None:
    idle = line.text.text()
    line.set_pointed("mitochondria <1>, 80 % sure")
    assert line.text.text() == "mitochondria <1>, 80 % sure"
    assert line.text.textFormat().name == "PlainText"  # names are the user's, and no markup
    line.set_pointed("")
    assert line.text.text() == idle
    assert "Point" in idle


def test_a_notice_stands_in_its_place(line: MapLine) -> None:
    line.set_pointed("axon")
    line.set_notice(NOTICE)
    line.set_pointed("dendrite")
    assert "Show it again" in line.text.text()
    line.set_notice("")
    assert line.text.text() == "dendrite"


def test_the_link_asks_for_the_map(qtbot: Any, line: MapLine) -> None:
    line.set_notice(NOTICE)
    with qtbot.waitSignal(line.show_wanted):
        line.text.linkActivated.emit("show")


def test_long_names_do_not_widen_the_dock(line: MapLine) -> None:
    before = line.minimumSizeHint().width()
    line.set_pointed("m" * 400)
    assert line.minimumSizeHint().width() == before
