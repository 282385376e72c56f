"""All that the dock offers, used once in the order a user meets it; each chapter leaves pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from walkthrough.hand import CTRL, SHIFT, Blocked
from walkthrough.reach import bring_into_view

if TYPE_CHECKING:
    from pathlib import Path

    from walkthrough.hand import Hand
    from walkthrough.room import Room

__all__ = [
    "ask_for_voxel_size",
    "classes",
    "learn",
    "learn_more_and_stop",
    "open_again",
    "open_stack",
    "search",
    "set_up",
    "settings",
    "split_and_suggest",
    "take_away",
]

_KEY = Qt.Key


def open_stack(room: Room, hand: Hand, place: Path) -> None:
    """Open the dock, then the sample, or the file of the room."""
    hand.menu(room.menu_bar, "Plugins", "EM Autoclass")
    hand.wait(lambda: room.has_dock, 20, "the dock")
    hand.shot("01_empty")
    panel = room.dock.stack_panel
    if room.file is None:
        hand.choose(panel.open_button, "Sample")
    else:
        hand.click(panel.open_button, then=lambda: hand.along_popup("File", then=hand.answer_file_dialog(room.file)))
    hand.wait(lambda: room.dock.session.volume is not None, 90, "the stack")
    hand.shot("02_opened")


def ask_for_voxel_size(room: Room, hand: Hand, place: Path) -> None:
    """Open a stack that carries no voxel size: the dock asks; then go back to the first one."""
    import numpy as np

    bare = place / "without-size.npy"
    np.save(bare, np.asarray(room.layer.data[:8, :256, :256]))
    panel, first, section = room.dock.stack_panel, room.layer, room.section()
    hand.open_fold(room.fold_button("1  Stack"))
    hand.click(panel.open_button, then=lambda: hand.along_popup("File", then=hand.answer_file_dialog(bare)))
    hand.wait(lambda: room.dock.stack_panel.layer is not first, 30, "the second stack")
    if room.dock.session.volume is not None:
        raise Blocked("a stack without a voxel size was taken")
    hand.shot("03_voxel_size_asked")
    hand.click(panel.size_field)
    hand.type("50 4 4", panel.size_field)
    hand.key(_KEY.Key_Return, widget=panel.size_field)
    hand.wait(lambda: room.dock.session.volume is not None, 10, "the voxel size")
    hand.open_fold(room.fold_button("1  Stack"))
    hand.pick(panel.layer_box, first.name)
    hand.wait(lambda: room.dock.stack_panel.layer is first, 10, "the first stack")
    hand.click(*room.row_in_layer_list(bare.stem))
    hand.click(room.delete_button())
    for button in room.notices():  # napari's, of units that are not alike
        hand.click(button)
    hand.expect(room.section() == section, "the section of before is in view")


def set_up(room: Room, hand: Hand, place: Path) -> None:
    """See what was found damaged and how it is aligned; learn from a rectangle only, then from all."""
    dock = room.dock
    hand.open_fold(room.fold_button("1  Stack"))
    form = dock.stack_panel.set_up
    hand.wait(lambda: "easuring" not in form.alignment_label.text(), 120, "the check of the stack")
    hand.shot("04_checked")
    hand.click(room.new_shapes_button())
    hand.click(room.rectangle_mode_button())
    _, height, width = room.layer.data.shape
    z = room.middle()[0]
    hand.drag(
        room.canvas, room.spot_of((z, height // 4, width // 4)), room.spot_of((z, 3 * height // 4, 3 * width // 4))
    )
    hand.click(form.rectangle_button)
    hand.shot("05_rectangle")
    if dock.session.region is None:
        raise Blocked("the rectangle was not taken")
    hand.click(form.whole_button)
    if dock.session.region is not None:
        raise Blocked("the whole stack was not taken back")
    # Hidden, not deleted: under Mesa napari 0.9.2 dies when it draws a Labels layer after a Shapes layer was deleted.
    hand.key(_KEY.Key_V, widget=room.canvas)
    hand.expect(not room.viewer.layers[-1].visible, "the rectangle is hidden")
    hand.click(*room.row_in_layer_list(room.layer.name))
    hand.close_fold(room.fold_button("1  Stack"))


def settings(room: Room, hand: Hand, place: Path) -> None:
    """Choose an effort, estimate, look at all settings, save and load them."""
    panel = room.dock.training_panel
    hand.pick(panel.effort.preset_box, "Laptop · quick look")
    hand.choose(panel.effort.more_button, "Estimate")
    hand.wait(lambda: "stimating" not in panel.effort.estimate_label.text(), 120, "the estimate")
    hand.shot("06_estimate")
    file = place / "settings.json"
    hand.click(panel.effort.more_button, then=lambda: hand.along_popup("Save", then=hand.answer_file_dialog(file)))
    hand.wait(file.exists, 20, "the settings file")
    hand.click(panel.effort.more_button, then=lambda: hand.along_popup("Load", then=hand.answer_file_dialog(file)))
    hand.rest(1)
    hand.open_fold(room.fold_button("More settings"))
    hand.rest(1)
    hand.shot("07_more_settings")
    hand.close_fold(room.fold_button("More settings"))


def learn(room: Room, hand: Hand, place: Path) -> None:
    """Learn; watch from several sides, change what matters, pause, go on, keep a map, stop."""
    dock = room.dock
    panel = dock.training_panel
    hand.click(panel.learn_button)
    seconds = hand.wait(lambda: room.class_at_centre() is not None, 120, "the first map")
    hand.note(f"first map after {seconds:.1f} s")
    hand.shot("08_first_sketch")
    hand.wait(lambda: dock.session.state.value == "learning" and panel.progress_bar.value() > 100, 120, "learning")
    hand.open_fold(room.fold_button("What matters"))
    slider = panel.sliders.findChildren(type(panel.history_bar.slider))[0]
    hand.drag(slider, room.handle_of(slider), QPoint(slider.width() * 3 // 4, slider.height() // 2))
    hand.shot("09_weights_while_learning")
    hand.close_fold(room.fold_button("What matters"))
    for _ in range(3):
        hand.key(_KEY.Key_Right, widget=room.canvas)
    hand.wait(lambda: room.class_at_centre() is not None, 30, "the map of another section")
    hand.click(room.roll_button())
    hand.click(room.section_slider())
    hand.wait(lambda: room.classes_on_screen() > 1, 60, "the map in XZ")
    hand.rest(3)
    hand.shot("10_xz_view")
    hand.click(room.roll_button())
    hand.click(room.section_slider())
    hand.rest(2)
    hand.shot("11_yz_view")
    hand.click(room.roll_button())
    hand.click(panel.pause_button)
    hand.wait(lambda: dock.session.state.value == "paused", 10, "the pause")
    hand.shot("12_paused")
    hand.click(panel.pause_button)
    hand.wait(panel.history_bar.keep_button.isEnabled, 60, "a map to keep")
    hand.click(panel.history_bar.keep_button)
    hand.type("before", panel.history_bar.name_field)
    hand.key(_KEY.Key_Return, widget=panel.history_bar.name_field)
    hand.wait(lambda: any("before" in layer.name for layer in room.viewer.layers), 10, "the map kept")
    hand.wait(lambda: not dock.session.is_busy, 900, "the end of learning")
    hand.shot("13_done")
    bar = panel.history_bar.slider
    hand.drag(bar, room.handle_of(bar), QPoint(bar.width() // 3, bar.height() // 2))
    hand.shot("14_back_in_time")
    hand.drag(bar, room.handle_of(bar), QPoint(bar.width() - 3, bar.height() // 2))


def learn_more_and_stop(room: Room, hand: Hand, place: Path) -> None:
    """Learn more, and stop: within a second."""
    panel = room.dock.training_panel
    hand.click(panel.learn_button)
    hand.wait(lambda: room.dock.session.state.value == "learning", 60, "more learning")
    hand.rest(4)
    hand.click(panel.stop_button)
    seconds = hand.wait(lambda: not room.dock.session.is_busy, 30, "the stop")
    hand.note(f"stopped after {seconds:.1f} s")
    hand.rest(1)


def classes(room: Room, hand: Hand, place: Path) -> None:
    """Hide, solo, name, colour, merge, take apart, lock, ignore, undo, redo; by mouse and by keys."""
    panel = room.dock.class_panel
    hand.close_fold(room.fold_button("2  Learn"))  # more room for the list
    hand.wait(lambda: len(room.names()) > 1, 30, "the list of classes")
    hand.click(room.canvas, room.spot_of(room.inside()), double=True)
    hand.rest(1.5)
    if not panel.selected_ids():
        raise Blocked("the double-click in the picture selected no class")
    hand.shot("15_picked")
    hand.key(_KEY.Key_R, widget=panel.view)
    hand.type("mitochondria")
    hand.key(_KEY.Key_Return)
    hand.expect("mitochondria" in room.names(), "the class has its name")
    hand.key(_KEY.Key_S, widget=panel.view)
    hand.shot("16_solo")
    hand.key(_KEY.Key_S, widget=panel.view)
    n = len(room.names())
    hand.click(panel.view.viewport(), room.row_spot(panel, 0))
    hand.click(panel.view.viewport(), room.row_spot(panel, 2), modifiers=CTRL)
    hand.click(panel.view.viewport(), room.row_spot(panel, 3), modifiers=CTRL)
    hand.click(panel.merge_button)
    hand.expect(len(room.names()) == n - 2, "three rows are one")
    hand.shot("17_merged")
    hand.click(panel.undo_button)
    hand.expect(len(room.names()) == n, "undo takes the merge back")
    hand.click(panel.redo_button)
    hand.click(panel.unmerge_button)
    hand.expect(len(room.names()) == n, "the group is taken apart")
    hand.click(panel.view.viewport(), room.row_spot(panel, 1))
    for key in (_KEY.Key_L, _KEY.Key_I, _KEY.Key_P, _KEY.Key_V):
        hand.key(key, widget=panel.view)
        hand.rest(0.5)
    hand.shot("18_locked_ignored_probability")
    for key in (_KEY.Key_L, _KEY.Key_I, _KEY.Key_P, _KEY.Key_V):
        hand.key(key, widget=panel.view)
    hand.key(_KEY.Key_E, widget=panel.view)
    hand.wait(lambda: any("unclear" in layer.name for layer in room.viewer.layers), 10, "the layer of unclear pixels")
    hand.wait(lambda: room.shown_values("unclear") > 1, 60, "how unclear each pixel is")
    hand.shot("18b_unclear")
    hand.key(_KEY.Key_E, widget=panel.view)
    hand.choose(panel.more_button, "Keys")
    hand.rest(0.5)
    hand.shot("19_keys")
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible() and "Keys" in widget.windowTitle():
            hand.key(_KEY.Key_Escape, widget=widget)


def split_and_suggest(room: Room, hand: Hand, place: Path) -> None:
    """Look at a class, split it, and see which merges are suggested."""
    dock = room.dock
    panel = dock.class_panel
    hand.wait(lambda: not panel.surveyor.is_looking, 240, "the figures of the classes")
    hand.click(panel.view.viewport(), room.row_spot(panel, 0))
    hand.rest(1)
    bring_into_view(panel.details)
    hand.shot("20_figures")
    hand.click(panel.details.patches[0])
    hand.rest(1)
    hand.click(room.home_button())
    n = len(room.names())
    hand.choose(panel.split_button, "into 2")
    hand.wait(lambda: len(room.names()) == n + 1, 180, "the parts of the class")
    hand.rest(2)
    hand.shot("21_split")
    hand.key(_KEY.Key_Z, CTRL, widget=panel.view)
    hand.expect(len(room.names()) == n, "undo shows the class whole")
    slider = panel.suggestions.slider
    hand.drag(slider, room.handle_of(slider), QPoint(slider.width() * 3 // 4, slider.height() // 2))
    hand.wait(lambda: dock.decisions.is_previewing and not panel.suggestions.is_comparing, 240, "the suggested groups")
    hand.rest(1)
    hand.shot("22_suggested")
    hand.click(panel.suggestions.apply_button)
    hand.rest(1)
    hand.shot("23_applied")
    hand.key(_KEY.Key_Z, CTRL, widget=panel.view)
    hand.key(_KEY.Key_Z, CTRL | SHIFT, widget=panel.view)


def take_away(room: Room, hand: Hand, place: Path) -> None:
    """Classify the whole stack, save the run, copy the command."""
    dock = room.dock
    panel = dock.export_panel
    hand.open_fold(room.fold_button("4  Take away"))
    out = place / "classes.ome.zarr"
    hand.click(panel.export_button, then=hand.answer_file_dialog(out))
    hand.wait(panel.cancel_button.isVisible, 30, "the start")
    bring_into_view(panel.cancel_button)
    hand.rest(3)
    hand.shot("24_classifying")
    seconds = hand.wait(lambda: out.exists() and not panel.cancel_button.isVisible(), 1800, "the class map")
    hand.note(f"whole stack written in {seconds:.0f} s")
    hand.choose(panel.copy_button, "Learn again")
    clipboard = QApplication.clipboard()
    hand.expect(clipboard is not None and "em-autoclass" in clipboard.text(), "the command is in the clipboard")
    hand.click(panel.save_button, then=hand.answer_file_dialog(place / "saved-run"))
    hand.wait((place / "saved-run" / "run.json").exists, 30, "the run")
    hand.shot("25_taken_away")
    hand.close_fold(room.fold_button("4  Take away"))


def open_again(room: Room, hand: Hand, place: Path) -> None:
    """Drop the saved run onto the picture, or the dock: list, names and merges are back."""
    names = room.names()
    room.viewer.layers.clear()
    hand.rest(1)
    hand.drop(room.canvas, place / "saved-run")
    hand.wait(lambda: room.dock.session.run_dir == place / "saved-run", 60, "the run")
    hand.wait(lambda: room.class_at_centre() is not None, 60, "its map")
    hand.expect(room.names() == names, "the names are as they were")
    hand.shot("26_open_again")


def search(room: Room, hand: Hand, place: Path) -> None:
    """Find a class by its name."""
    field = room.dock.class_panel.search
    hand.click(field)
    hand.type("mito", field)
    hand.shot("27_search")
    field.selectAll()
    hand.key(_KEY.Key_Delete, widget=field)
