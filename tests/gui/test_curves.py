"""Curves that stay small however long the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from napari_em_autoclass.core.events import QualityMeasured, SettingsChanged, StepDone
from napari_em_autoclass.gui.curves import Curves


@pytest.fixture
def curves(qtbot: Any) -> Curves:
    made = Curves()
    qtbot.addWidget(made)
    yield made
    made.close_down()


def step(number: int, **terms: float) -> StepDone:
    return StepDone("run", number, 0.1, 1.0, tuple(terms.items()), 1.0, 3.0, (0.5, 0.3, 0.2))


def test_there_is_a_line_for_each_term(curves: Curves) -> None:
    curves.add(step(1, forecast=5.0, balance=0.1))
    assert curves.kinds == ("forecast", "balance")


def test_a_term_that_begins_late_has_its_line_from_there(curves: Curves) -> None:
    curves.add(step(1, forecast=5.0))
    curves.add(step(2, forecast=4.0, anchor=2.0))
    curves.add(step(3, forecast=3.0, anchor=1.0))
    curves._redraw()
    x, y = curves._lines["anchor"].getData()
    assert len(x) == len(y) == 3
    assert list(y[1:]) == [2.0, 1.0]


def test_a_long_run_is_thinned_out_and_keeps_its_ends(curves: Curves) -> None:
    for number in range(10_000):
        curves.add(step(number, forecast=1.0))
    assert 400 <= curves.n_points <= 1000
    assert curves._steps[0] < 20
    assert curves._steps[-1] > 9900


def test_clear_begins_anew(curves: Curves) -> None:
    curves.add(step(1, forecast=5.0))
    curves._redraw()
    curves.clear()
    assert (curves.n_points, curves.kinds) == (0, ())


def test_it_never_asks_for_the_width_of_the_screen(curves: Curves) -> None:
    assert curves.minimumSizeHint().width() < 300


def test_the_legend_does_not_make_the_dock_scroll(curves: Curves) -> None:
    curves.add(step(1, **{f"a_term_with_a_long_name_{i}": 1.0 for i in range(5)}))
    curves._redraw()
    assert "<br>" in curves._legend.text()
    assert not curves.layout().hasHeightForWidth()


def test_quality_and_foresight_have_a_line_and_their_last_value(curves: Curves) -> None:
    curves.add(replace(step(3, forecast=1.0), skill=0.25))
    curves.add_quality(QualityMeasured("run", 3, 0.41))
    curves._redraw()
    assert curves._quality_line.getData()[1] == [0.41]
    assert "foresight 0.25" in curves._quality_legend.text()
    assert "quality 0.41" in curves._quality_legend.text()
    curves.clear()
    assert "quality –" in curves._quality_legend.text()


def test_a_change_of_settings_is_marked_in_both_plots(curves: Curves) -> None:
    curves.add_change(SettingsChanged("run", 30, (("terms.balance.weight", 2.0), ("views.noise", 0.0))))
    marks = [mark for _, mark in curves._marks]
    assert [mark.value() for mark in marks] == [30, 30]
    assert marks[0].toolTip() == "From step 30 on:\nbalance.weight = 2.0\nviews.noise = 0.0"
    curves.clear()
    assert not any(mark.scene() for mark in marks)


def test_legend_and_quality_show_when_asked_for(curves: Curves) -> None:
    low = curves.sizeHint().height()
    curves.set_detailed(True)
    assert curves.sizeHint().height() > low + 60
    curves.set_detailed(False)
    assert curves.sizeHint().height() == low


def test_background_and_axes_follow_the_theme(qtbot: Any, curves: Curves) -> None:
    plot = curves._loss_plot
    curves.show()
    for background, text in (("#202020", "#f0f0f0"), ("#f0f0f0", "#202020")):
        curves.setStyleSheet(f"QWidget {{ background-color: {background}; color: {text}; }}")
        qtbot.wait(20)
        assert plot.grab().toImage().pixelColor(2, 2).name() == background
        assert plot.getAxis("left").textPen().color().name() == text


def test_numbers_beside_the_plots_are_few_and_of_what_is_drawn(qtbot: Any, curves: Curves) -> None:
    curves.resize(320, 120)
    curves.show()
    axes = [plot.getAxis("left") for plot in (curves._loss_plot, curves._usage_plot)]
    assert not any(axis.style["showValues"] for axis in axes)  # nothing is drawn yet
    for number, loss in enumerate((5.5, 5.25, 5.125)):
        curves.add(replace(step(number, forecast=loss), usage=(0.125, 0.5, 0.375)))
    curves._redraw()
    numbers = [[text for _, text in axis._tickLevels[0]] for axis in axes]
    assert numbers == [["5.12", "5.49"], ["0", "50 %"]]
    assert all(axis.style["showValues"] for axis in axes)


def test_numbers_that_differ_little_still_differ(curves: Curves) -> None:
    for number, loss in enumerate((5.5401, 5.5412)):
        curves.add(step(number, forecast=loss))
    curves._redraw()
    low, high = (text for _, text in curves._loss_plot.getAxis("left")._tickLevels[0])
    assert float(low) < float(high)
