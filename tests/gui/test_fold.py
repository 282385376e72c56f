"""A title that folds what is below it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QToolButton

from napari_em_autoclass.gui.fold import Fold, FoldColumn, FoldRow


def test_a_click_on_the_title_folds_and_unfolds(qtbot: Any) -> None:
    fold = Fold("2  Learn", QLabel("body"))
    qtbot.addWidget(fold)
    fold.show()
    button = fold.findChild(QToolButton)
    with qtbot.waitSignal(fold.toggled, check_params_cb=lambda is_open: not is_open):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert fold.body.isHidden()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert fold.body.isVisible()


def test_it_can_begin_folded(qtbot: Any) -> None:
    fold = Fold("More settings", QLabel("body"), is_open=False)
    qtbot.addWidget(fold)
    assert fold.body.isHidden()
    fold.set_open(True)
    assert fold.is_open


def test_a_summary_never_widens_it(qtbot: Any) -> None:
    fold = Fold("1  Stack", QLabel("body"))
    qtbot.addWidget(fold)
    fold.set_summary("a long line " * 50)
    assert fold.minimumSizeHint().width() < 200


def test_one_fold_takes_the_room_that_is_left_and_folded_leaves_it_below(qtbot: Any) -> None:
    folds = [Fold(title, QLabel("body")) for title in ("a", "b", "c")]
    column = FoldColumn(folds, largest=folds[1])
    qtbot.addWidget(column)
    column.resize(200, 600)
    column.show()
    assert folds[1].height() > 400
    for fold in folds:
        fold.set_open(False)
    qtbot.waitUntil(lambda: folds[2].geometry().bottom() < 150)
    assert max(fold.height() for fold in folds) < 50


def test_folds_in_a_row_open_below_it(qtbot: Any) -> None:
    folds = [Fold(title, QLabel(f"body of {title}"), is_open=False) for title in ("a", "b")]
    row = FoldRow(*folds)
    qtbot.addWidget(row)
    row.show()
    buttons = [button for button in row.findChildren(QToolButton) if button.isVisible()]
    assert [button.text() for button in buttons] == ["a", "b"]
    assert len({button.mapTo(row, button.rect().center()).y() for button in buttons}) == 1
    qtbot.mouseClick(buttons[1], Qt.MouseButton.LeftButton)
    assert [fold.body.isVisible() for fold in folds] == [False, True]
    folds[0].setVisible(False)
    assert buttons[0].isHidden()
    folds[1].set_summary("what is in it")
    assert buttons[1].toolTip() == "what is in it"


def test_the_titles_of_steps_stand_out(qtbot: Any) -> None:
    step, part = Fold("1  Stack", QLabel("body"), is_step=True), Fold("What matters", QLabel("body"))
    for fold in (step, part):
        qtbot.addWidget(fold)
        fold.show()
    assert step.findChild(QToolButton).fontMetrics().horizontalAdvance("Stack") > part.findChild(
        QToolButton
    ).fontMetrics().horizontalAdvance("Stack")


def test_the_arrow_shows_whether_it_is_open(qtbot: Any) -> None:
    fold = Fold("1  Stack", QLabel("body"))
    qtbot.addWidget(fold)
    button = fold.findChild(QToolButton)
    arrow = button.icon().pixmap(16).toImage()
    fold.set_open(False)
    assert button.icon().pixmap(16).toImage() != arrow
    fold.set_open(True)
    assert button.icon().pixmap(16).toImage() == arrow
    assert button.text() == "1  Stack"
