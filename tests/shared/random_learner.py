"""The part of a random user who learns, edits classes and takes things away; on the path of the tests."""

from __future__ import annotations

from typing import Any

from random_user import NAMES, RandomUser

from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.class_rows import Only

__all__ = ["RandomLearner"]


class RandomLearner(RandomUser):
    """Presses what is in the dock; `our_run` is a real run to open, `folder` for what is written, `runs` the fakes."""

    our_run: Any = None
    folder: Any = None
    runs: Any = ()

    # --- learning -----------------------------------------------------------------------------------------------------

    def do_learn(self) -> bool:
        return self.press(self.dock.training_panel.learn_button)

    def do_pause(self) -> bool:
        return self.press(self.dock.training_panel.pause_button)

    def do_stop(self) -> bool:
        return self.press(self.dock.training_panel.stop_button)

    def do_collapse(self) -> None:
        for run in self.runs[-2:]:
            run.effective = (1.0, 3.6)[self.some(2)]

    def do_remedy(self) -> Any:
        header = self.dock.header
        return not header.warning.isHidden() and self.press(header.remedy_button)

    def do_number_of_classes(self) -> Any:
        box = self.dock.training_panel.classes_box
        if box.isEnabled():
            box.setValue(4 if self.some(2) else 2 + self.some(9))
        return box.value()

    def do_recipe(self) -> Any:
        box = self.dock.training_panel.recipe_box
        known = [row for row in range(box.count()) if box.itemData(row)]
        if box.isEnabled():
            box.setCurrentIndex(self.one_of(known[:3]))
        return box.currentData()

    def do_effort(self) -> Any:
        box = self.dock.training_panel.effort.preset_box
        if box.isEnabled():
            box.setCurrentIndex(self.some(box.count()))
        return box.currentText()

    def do_minutes(self) -> None:
        box = self.dock.training_panel.minutes_box
        if box.isEnabled():
            box.setValue(self.one_of((0.1, 1.0, 4.0)))

    def do_weights(self) -> None:
        rows = [row for row in self.dock.training_panel.sliders._rows.values() if not row[1].isHidden()]
        if rows:
            slider = self.one_of(rows)[1]
            slider.setValue(self.some(slider.maximum() + 1))

    def do_curves(self) -> None:
        self.press(self.dock.training_panel.more_curves_button)

    def do_fold(self) -> Any:
        fold = self.one_of(list(self.dock.folds.values()))
        fold.set_open(not fold.is_open)
        return fold.body.title

    # --- back in time -------------------------------------------------------------------------------------------------

    def do_back_in_time(self) -> None:
        bar = self.dock.training_panel.history_bar
        if bar.isEnabled() and not bar.isHidden() and bar.slider.isEnabled():
            bar.slider.setValue(self.some(bar.slider.maximum() + 1))

    def do_keep(self) -> None:
        bar = self.dock.training_panel.history_bar
        if bar.isEnabled() and not bar.isHidden() and self.press(bar.keep_button):
            if self.some(3):
                bar.name_field.setText(self.one_of(NAMES))
            bar.name_field.returnPressed.emit()

    def do_kept(self) -> None:
        bar = self.dock.training_panel.history_bar
        if not bar.isHidden() and bar.isEnabled() and not bar.kept_bar.isHidden():
            kept = bar.kept_bar
            kept.combo.setCurrentIndex(self.some(max(kept.combo.count(), 1)))
            self.press(self.one_of((kept.show_button, kept.show_button, kept.forget_button)))

    # --- classes ------------------------------------------------------------------------------------------------------

    def _index(self, column: int, inner: bool = False) -> Any:
        rows = self.dock.class_panel.rows
        places = [rows.index(row, 0) for row in range(rows.rowCount())]
        if inner:
            places = [rows.index(row, 0, place) for place in places for row in range(rows.rowCount(place))]
        place = self.one_of(places)
        return None if place is None else place.siblingAtColumn(column)

    def do_select(self) -> Any:
        panel = self.dock.class_panel
        found = {self._index(Column.NAME) for _ in range(1 + self.some(3))} - {None}
        ids = tuple(sorted({index.data(ID_ROLE) for index in found}))
        panel.select(ids)
        return ids

    def do_select_inside(self) -> None:
        index = self._index(Column.NAME, inner=True)
        if index is not None:
            self.dock.class_panel.view.setCurrentIndex(index)

    def do_merge(self) -> bool:
        self.do_select()
        return self.press(self.dock.class_panel.merge_button)

    def do_unmerge(self) -> bool:
        return self.press(self.dock.class_panel.unmerge_button)

    def do_take_out(self) -> bool:
        self.do_select_inside()
        return self.do_unmerge()

    def do_undo(self) -> None:
        for _ in range(1 + self.some(4)):
            self.press(self.dock.class_panel.undo_button)

    def do_redo(self) -> None:
        for _ in range(1 + self.some(4)):
            self.press(self.dock.class_panel.redo_button)

    def do_rename(self) -> Any:
        index, name = self._index(Column.NAME), self.one_of(NAMES)
        if index is not None:
            self.dock.class_panel.rows.setData(index, name)
        return name[:20]

    def do_eye(self) -> None:
        self._click(Column.EYE)

    def do_recolour(self) -> None:
        self._click(Column.COLOR)

    def do_probability(self) -> None:
        self._click(Column.PROBABILITY)

    def _click(self, column: int) -> None:
        index = self._index(column)
        if index is not None:
            self.dock.class_panel.view.clicked.emit(index)

    def do_key(self) -> str:
        actions = self.dock.class_panel.actions_.by_name
        name = self.one_of(sorted(set(actions) - {"rename"}))
        actions[name].trigger()  # does nothing where it is disabled
        return str(name)

    def do_split(self) -> Any:
        panel = self.dock.class_panel
        self.do_select()
        action = self.one_of(panel.actions_.splits)
        action.trigger()
        return panel.edits.is_splitting

    def do_search(self) -> None:
        self.dock.class_panel.search.setText(self.one_of(("", "", "a", "class 1", "名", "nothing like it")))

    def do_filter(self) -> None:
        self.dock.class_panel.rows.set_only(self.one_of(list(Only)))

    def do_sort(self) -> None:
        orders = type(self.dock.class_panel.view.header().sortIndicatorOrder())
        self.dock.class_panel.view.sortByColumn(self.some(len(Column) + 1) - 1, self.one_of(list(orders)))

    def do_unfold(self) -> None:
        view = self.dock.class_panel.view
        self.one_of((view.expandAll, view.collapseAll))()

    def do_suggest(self) -> Any:
        slider = self.dock.class_panel.suggestions.slider
        if slider.isEnabled() and not slider.isHidden():
            slider.setValue(slider.minimum() + self.some(slider.maximum() - slider.minimum() + 1))
        return slider.value()

    def do_apply(self) -> bool:
        return self.press(self.dock.class_panel.suggestions.apply_button)

    def do_patch(self) -> None:
        if not self.dock.class_panel.details.isHidden():
            self.press(self.one_of(self.dock.class_panel.details.patches))

    # --- taking away, coming back -------------------------------------------------------------------------------------

    def do_export(self) -> Any:
        panel = self.dock.export_panel
        if panel.export_button.isEnabled():
            panel.write(self.folder / f"map {self.some(3)}.ome.zarr")
        return panel.export_button.isEnabled()

    def do_cancel_export(self) -> None:
        self.press(self.dock.export_panel.cancel_button)

    def do_table(self) -> None:
        if self.dock.export_panel.table_button.isEnabled():
            self.dock.export_panel.save_table(self.folder / "classes.csv")

    def do_copy_command(self) -> None:
        if self.dock.export_panel.copy_button.isEnabled():
            self.one_of((self.dock.export_panel.copy_action, self.dock.export_panel.copy_predict_action)).trigger()

    def do_open_run(self) -> None:
        if self.dock.stack_panel.open_button.isEnabled():
            self.dock.reopener.open(str(self.our_run))

    def do_second_dock(self) -> None:
        if len(self.docks) < 2:
            self.docks.append(self.open_dock())

    def do_close_dock(self) -> str:
        """Close a dock, in the middle of whatever it does; the last one is opened again."""
        dock = self.one_of(self.docks)
        self.close(dock)
        if not self.docks:
            self.docks.append(self.open_dock())
        return str(dock.session.state.value)

    def close(self, dock: Any) -> None:
        """Close a dock as napari does; the layers that it leaves are remembered."""
        self.docks.remove(dock)
        self.closed.append(dock.layers)
        self.viewer.window.remove_dock_widget(dock)
