"""What to learn from: skipped sections, a box, and what is said of the alignment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_em_autoclass.core.damage import Damage
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.gui.session import Session
from napari_em_autoclass.gui.set_up import SetUp
from napari_em_autoclass.gui.source import volume_of


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def set_up(qtbot: Any, session: Session, viewer: ViewerModel) -> SetUp:
    layer = viewer.add_image(np.zeros((12, 40, 60), np.uint8), name="a", scale=(50, 4, 4), units=("nm",) * 3)
    made = SetUp(session, viewer)
    qtbot.addWidget(made)
    made.use(layer, volume_of(layer))
    made.check_up.close()  # what it finds is told here
    yield made
    made.close_down()


def test_what_was_found_is_shown_and_skipped(qtbot: Any, set_up: SetUp, session: Session) -> None:
    with qtbot.waitSignal(set_up.summarised, check_params_cb=lambda text: text == "3 damaged skipped"):
        set_up.check_up.damage_found.emit(Damage({3: "blank", 7: "blurred", 8: "blurred"}, 12, 12))
    assert (set_up.skip_field.text(), set_up.skip_note.text()) == ("3, 7-8", "found")
    assert session.skip_sections == (3, 7, 8)


def test_the_user_has_the_last_word(qtbot: Any, set_up: SetUp, session: Session) -> None:
    qtbot.keyClicks(set_up.skip_field, "4-5")
    qtbot.keyClick(set_up.skip_field, Qt.Key.Key_Return)
    assert session.skip_sections == (4, 5)
    set_up.check_up.damage_found.emit(Damage({3: "blank"}, 12, 12))
    assert session.skip_sections == (4, 5)
    assert set_up.skip_note.text() == "yours"
    set_up.skip_field.clear()
    set_up.skip_field.setModified(True)
    set_up.skip_field.editingFinished.emit()
    assert session.skip_sections == ()


def test_the_part_named_in_loaded_settings_is_taken(set_up: SetUp, session: Session) -> None:
    settings = RunSettings(region="2:9,0:40,10:30", skip_sections=(4,))
    set_up.load(settings)
    assert (session.region, session.skip_sections) == ("2:9,0:40,10:30", (4,))
    assert (set_up.skip_field.text(), set_up.skip_note.text()) == ("4", "loaded")
    set_up.load(RunSettings())
    assert (session.region, session.skip_sections, set_up.skip_note.text()) == (None, (), "")


def test_a_part_that_this_stack_lacks_is_one_sentence_and_changes_nothing(
    qtbot: Any, set_up: SetUp, session: Session
) -> None:
    before = (session.region, session.skip_sections)
    for settings in (RunSettings(region="2:90,:,:"), RunSettings(skip_sections=(40,))):
        with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "does not fit" in text and error):
            set_up.load(settings)
    assert (session.region, session.skip_sections) == before


def test_settings_loaded_before_the_stack_wait_for_it(set_up: SetUp, session: Session) -> None:
    layer, volume = set_up._layer, set_up._volume
    set_up.use(None, None)
    set_up.load(RunSettings(region="2:9,:,:"))
    set_up.use(layer, volume)
    set_up.check_up.close()
    assert session.region == "2:9,0:40,0:60"


def test_nonsense_is_one_sentence_and_changes_nothing(qtbot: Any, set_up: SetUp, session: Session) -> None:
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "0 to 11" in text and error):
        qtbot.keyClicks(set_up.skip_field, "99")
        qtbot.keyClick(set_up.skip_field, Qt.Key.Key_Return)
    assert session.skip_sections is None
    assert set_up.skip_field.text() == ""


def test_a_rectangle_and_a_range_make_the_region(set_up: SetUp, session: Session, viewer: ViewerModel) -> None:
    assert session.region is None
    corners = np.array([[38, 78], [38, 158], [118, 158], [118, 78]])  # nm; a voxel reaches 2 nm to either side
    viewer.add_shapes([corners], shape_type="rectangle")
    set_up.rectangle_button.click()
    set_up.sections_slider.setValue((2, 9))
    assert session.region == "2:10,10:30,20:40"
    assert set_up.sections_label.text() == "2 to 9"
    assert "A part, 0.08×0.08 µm" in set_up.box_label.text()
    set_up.whole_button.click()
    assert session.region is None


def test_without_a_rectangle_it_says_what_to_do(qtbot: Any, set_up: SetUp, session: Session) -> None:
    with qtbot.waitSignal(session.said, check_params_cb=lambda text, error: "Draw a rectangle" in text and not error):
        set_up.rectangle_button.click()


def test_a_bad_alignment_is_said_in_the_summary_too(qtbot: Any, set_up: SetUp, session: Session) -> None:
    found = SimpleNamespace(sentence="Shifted by 300 nm.", is_warning=True)
    with qtbot.waitSignals([session.said, set_up.summarised]):
        set_up.check_up.alignment_found.emit(found)
    assert set_up.alignment_label.text() == "Shifted by 300 nm."


def test_another_stack_begins_anew(set_up: SetUp, session: Session) -> None:
    set_up.sections_slider.setValue((2, 9))
    session.skip_sections = (1,)
    set_up.use(None, None)
    assert session.region is None
    assert session.skip_sections is None


def test_what_a_run_learned_from_is_shown_and_learned_from_again(set_up: SetUp, session: Session) -> None:
    set_up.take("2:9,5:40,0:30", (3, 7, 8))
    assert (session.region, session.skip_sections) == ("2:9,5:40,0:30", (3, 7, 8))
    assert (set_up.skip_field.text(), set_up.skip_note.text()) == ("3, 7-8", "of the run")
    assert set_up.sections_slider.value() == (2, 8)
    set_up.check_up.damage_found.emit(Damage({5: "blank"}, 12, 12))  # found meanwhile: the run's stand
    assert session.skip_sections == (3, 7, 8)
    set_up.take(None, ())
    assert (session.region, session.skip_sections) == (None, ())
