"""Figures, patches and probabilities of the selected class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_statistics import StatisticsCounter
from napari_em_autoclass.core.class_survey import Exemplar, Survey
from napari_em_autoclass.gui.class_details import ClassDetails, sentence_of

PATCH = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48)


@pytest.fixture
def survey() -> Survey:
    counter = StatisticsCounter(3, (2, 2, 3), (40.0, 10.0, 20.0))
    counter.add(0, np.array([[[1, 1, 2], [1, 0, 2]], [[1, 2, 2], [3, 3, 2]]], np.uint8), np.ones((2, 3)))
    kinds = (("typical", (0, 0, 0), 0.9), ("unclear", (1, 0, 0), 0.4))
    return Survey(counter.done(), tuple(Exemplar(1, kind, at, score, PATCH) for kind, at, score in kinds), ())


@pytest.fixture
def details(qtbot: Any) -> ClassDetails:
    made = ClassDetails()
    qtbot.addWidget(made)
    return made


def test_the_figures_stand_in_one_line(survey: Survey) -> None:
    class_map = ClassMap.fresh(3).rename(2, "membrane")
    text = sentence_of(class_map, survey.statistics.of_row(class_map, 1))
    assert text.startswith("3.2e-05 µm³ · in 2 of 2 sections seen · entropy 1.00 bit · touches membrane 50 %, class 3")


def test_a_click_on_a_patch_wants_to_go_there(qtbot: Any, details: ClassDetails, survey: Survey) -> None:
    details.show_rows(ClassMap.fresh(3), survey, (1,))
    details.show()
    enabled = [button for button in details.patches if button.isEnabled()]
    assert len(enabled) == 2
    with qtbot.waitSignal(details.place_wanted, check_params_cb=lambda place: place == (1, 0, 0)):
        qtbot.mouseClick(enabled[1], Qt.MouseButton.LeftButton)


def test_it_keeps_its_height_whatever_is_selected_and_fits_the_dock(details: ClassDetails, survey: Survey) -> None:
    class_map = ClassMap.fresh(3)
    heights = []
    for rows in ((1,), (3,), (), (1, 2), (1, 2, 3)):
        details.show_rows(class_map, survey, rows)
        heights.append(details.sizeHint().height())
    assert len(set(heights)) == 1
    assert details.minimumSizeHint().width() <= 300


def test_several_rows_show_what_they_would_be_together(details: ClassDetails, survey: Survey) -> None:
    class_map = ClassMap.fresh(3)
    merged = class_map.merge([1, 3])
    details.show_rows(class_map.lock([1]), survey, (1, 3))
    text = details.figures.text()
    assert text == f"2 together: {sentence_of(merged, survey.statistics.of_row(merged, 1))}"
    assert "touches class 2 100 %" in text
    assert len([button for button in details.patches if button.isEnabled()]) == 2


def test_bars_add_up_groups_and_show_the_likeliest_first(qtbot: Any, details: ClassDetails, survey: Survey) -> None:
    class_map = ClassMap.fresh(3).merge([1, 3], name="axon")
    details.show_rows(class_map, survey, ())
    details.show()
    details.bars.grab()  # empty
    details.bars.show_probabilities(class_map, {1: 0.3, 2: 0.35, 3: 0.35})
    assert [(name, round(prob, 2)) for name, _, prob in details.bars.shown] == [("axon", 0.65), ("class 2", 0.35)]
    assert not details.bars.grab().isNull()


def test_bars_follow_names_and_merges_when_a_row_is_shown(details: ClassDetails, survey: Survey) -> None:
    class_map = ClassMap.fresh(3)
    details.show_rows(class_map, survey, (1,))
    assert details.bars.shown == ()
    details.bars.show_probabilities(class_map, {1: 0.3, 2: 0.6, 3: 0.1})
    details.show_rows(class_map.merge([1, 3]).rename(2, "axon"), survey, (2,))
    assert [(name, round(prob, 2)) for name, _, prob in details.bars.shown] == [("axon", 0.6), ("class 1 +1", 0.4)]


def test_parts_split_since_have_no_figures_yet(details: ClassDetails, survey: Survey) -> None:
    from napari_em_autoclass.core.class_splits import with_split
    from napari_em_autoclass.core.split import FoundParts

    class_map = with_split(ClassMap.fresh(3), FoundParts(2, ((0.0,), (1.0,)), 1.0, "student@1"))
    details.show_rows(class_map, survey, (5,))
    assert details.figures.text().startswith("0 µm³")
    details.show_rows(class_map, survey, (1, 2))  # what is split can't be merged
    assert details.figures.text() == "2 rows selected"


def test_another_run_forgets_the_voxel_of_before(details: ClassDetails, survey: Survey) -> None:
    class_map = ClassMap.fresh(3)
    details.show_rows(class_map, survey, (1,))
    details.bars.show_probabilities(class_map, {1: 0.3, 2: 0.6, 3: 0.1})
    details.forget()
    assert details.isHidden()
    details.show_rows(class_map, survey, (1,))
    assert details.bars.shown == ()
    assert details.bars.toolTip().startswith("Double-click")
