"""The two lines at the top."""

from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.gui.header import Header
from napari_em_autoclass.gui.health import RAISE, Health, Remedy


@pytest.fixture
def header(qtbot: Any) -> Header:
    made = Header()
    qtbot.addWidget(made)
    return made


def test_without_a_stack_it_says_so(header: Header) -> None:
    header.show_volume(None)
    assert header.name.text() == "No stack chosen"
    assert header.size_label.text() == ""


def test_the_stack_stands_in_one_line(header: Header, volume: Any) -> None:
    header.show_volume(volume)
    assert header.name.text() == "tiny"
    assert header.size_label.text() == "5×32×48 · 50×4×4 nm"


def test_the_device_comes_with_its_reason(header: Header, fake_run: Any) -> None:
    header.show_event(fake_run().started())
    assert "no GPU was found" in header.device.text()
    assert "cpu" in header.device.toolTip()


def test_a_healthy_run_is_green_and_short(header: Header, fake_run: Any) -> None:
    header.show_event(fake_run().started())
    header.show_event(fake_run().step(1, effective=3.6))
    assert header.in_use.text() == "4 / 4 classes"
    assert "4 of 4 classes in use" in header.in_use.toolTip()
    assert header.warning.isHidden()


def test_dying_classes_come_with_a_button_that_helps(qtbot: Any, header: Header, fake_run: Any) -> None:
    header.show_event(fake_run().started())
    for number in (1, 2, 3):
        header.show_event(fake_run().step(number, effective=1.4))
    assert not header.warning.isHidden()
    assert "Classes are dying" in header.warning_text.text()
    assert header.remedy_button.text() == "Raise it"
    with qtbot.waitSignal(header.remedy_wanted, check_params_cb=lambda remedy: remedy == RAISE):
        header.remedy_button.click()
    assert header.warning.isHidden()  # it gets time to work
    header.show_event(fake_run().step(4, effective=1.4))
    assert header.warning.isHidden()


def test_there_may_be_something_to_press_beside_a_green_light(header: Header) -> None:
    header.show_health(Health("green", "Settled.", "4 / 4 classes", Remedy("stop", "Stop here", "Ends it")))
    assert not header.warning.isHidden()
    assert header.remedy_button.text() == "Stop here"
    header.show_health(Health("green", "4 of 4 classes in use", "4 / 4 classes"))
    assert header.warning.isHidden()


def test_the_light_says_what_it_means(header: Header, fake_run: Any) -> None:
    assert "not begun" in header.light.toolTip()
    header.show_event(fake_run().started())
    header.show_event(fake_run().step(1, effective=3.6))
    assert "4 of 4 classes in use" in header.light.toolTip()


def test_a_new_stack_puts_the_light_out(header: Header, fake_run: Any, volume: Any) -> None:
    header.show_event(fake_run().ended("collapsed"))
    assert "Collapsed" in header.warning_text.text()
    header.show_volume(volume)
    assert header.warning.isHidden()


def test_a_long_name_does_not_widen_the_dock(header: Header, volume: Any) -> None:
    from dataclasses import replace

    header.show_volume(replace(volume, name="a very long name of a stack " * 10))
    assert header.minimumSizeHint().width() < 330
