"""The dock: four steps from a stack to a class map, always in this order.

It joins what the session says to the panels and the layers; it holds no numbers and does no work of its own.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from napari.layers import Image
from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget
from superqt.utils import qdebounced

from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import UNCLEAR, CutTaken, Event, RunEnded, RunStarted, SnapshotTaken
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.class_panel import ClassPanel
from napari_em_autoclass.gui.comparison import ComparedMap
from napari_em_autoclass.gui.comparison_panel import ComparisonPanel
from napari_em_autoclass.gui.compute_box import kept_history
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.export_panel import ExportPanel
from napari_em_autoclass.gui.fitted_text import WrappedLabel
from napari_em_autoclass.gui.focus import FocusFrame
from napari_em_autoclass.gui.fold import Fold, FoldColumn
from napari_em_autoclass.gui.glyphs import RED
from napari_em_autoclass.gui.header import Header
from napari_em_autoclass.gui.layers import ClassLayers, add_stack
from napari_em_autoclass.gui.map_line import MapLine
from napari_em_autoclass.gui.picker import Picker
from napari_em_autoclass.gui.reopen import Reopener
from napari_em_autoclass.gui.saved_decisions import save_decisions
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.side_layers import ComparedLayer, TaughtLayer
from napari_em_autoclass.gui.stack_panel import StackPanel
from napari_em_autoclass.gui.teach_panel import TeachPanel
from napari_em_autoclass.gui.training_panel import TrainingPanel
from napari_em_autoclass.gui.viewpoint import ViewFollower, go_to
from napari_em_autoclass.gui.worker import TrainingWorker

__all__ = ["PANELS", "AutoclassDock"]

PANELS = (StackPanel, TrainingPanel, ClassPanel, TeachPanel, ExportPanel, ComparisonPanel)
_Panel = StackPanel | TrainingPanel | ClassPanel | TeachPanel | ExportPanel | ComparisonPanel
_WIDTH, _LEAST_WIDTH, _HEIGHT = 360, 352, 700  # the least: panels of 320 beside a scroll bar
_AFTER_PICTURE_MS = 150  # what nobody looks at in the moment of an edit would keep the picture waiting
_STAGES = {
    "first sketch": "First sketch, step {step}: the network's own classes follow soon.",
    "learning": "Learning, step {step}: the map sharpens.",
    "done": "Done, after {step} steps.",
}


class AutoclassDock(QWidget):
    """What the manifest calls "EM Autoclass".

    napari passes its viewer to the parameter of this name: it can't resolve an annotation that is a string.
    """

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = viewer = napari_viewer
        self._layer: Image | None = None
        self._decided_in: Path | None = None  # the run whose classes are listed, also when another stack is chosen
        self._was_docked = False
        self._closed = False
        self.session = session or Session(parent=self)
        self.decisions = Decisions(self._save_history, self)
        self.map_line = MapLine()
        self.layers = ClassLayers(viewer, self.map_line.set_notice)
        self.compared_layer, self.taught_layer = ComparedLayer(viewer), TaughtLayer(viewer)
        self.header = Header()
        self.stack_panel = StackPanel(self.session, viewer)
        self.training_panel = TrainingPanel(self.session)
        self.class_panel = ClassPanel(self.session, self.decisions)
        self.export_panel = ExportPanel(self.session, self.decisions)
        self.comparison_panel = ComparisonPanel(self.session, viewer)
        self.teach_panel = TeachPanel(self.session, viewer)
        self.status = WrappedLabel(least_lines=2)
        self.follower = ViewFollower(viewer, self.session.look)
        self.picker = Picker(viewer, self.layers, lambda: self.decisions.shown, self)
        self._describe_soon = qdebounced(self._describe, timeout=_AFTER_PICTURE_MS)
        self._lay_out()
        self._connect()
        # The last resort, when the window is torn down around us: only Python objects are left to talk to then.
        self.destroyed.connect(partial(_quit_all, self.session.running))
        self._say("Choose a stack, then press Learn.", False)
        for layer in self.stack_panel.candidates()[:1]:
            self.stack_panel.choose(layer)
        self.reopener, self.focus_frame = Reopener(self, viewer), FocusFrame(self)

    def open_path(self, path: str) -> None:
        """Open a file or folder as a layer and use it."""
        try:
            layer = add_stack(self._viewer, path)
        except InputError as error:
            self._say(str(error), True)
        else:
            self.stack_panel.choose(layer)

    def close_down(self) -> None:
        """End the training and let go of the viewer; the class layers stay, the run is kept in its folder."""
        if self._closed:
            return
        self._closed = True
        self.decisions.close()
        self._describe_soon.cancel()
        self.reopener.close_down()
        self.focus_frame.close_down()
        for panel in self._panels():
            panel.close_down()
        self.follower.close()
        self.picker.close()
        self.layers.close(self._decided_in)
        self.session.close()

    def event(self, event: QEvent | None) -> bool:
        """Notice when napari takes the dock away: it drops the widget without closing it."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
            elif self._was_docked:
                QTimer.singleShot(0, self._close_if_dropped)
        if event is not None and event.type() == QEvent.Type.DeferredDelete:
            self.close_down()
        return super().event(event)

    def sizeHint(self) -> QSize:
        """Take little of the window: the picture is what counts."""
        return QSize(_WIDTH, _HEIGHT)

    def _close_if_dropped(self) -> None:
        if self.parent() is None:  # and not only on its way to another place
            self._on_probabilities(frozenset())  # nobody would keep them up to date
            self.close_down()
            self.deleteLater()

    def _lay_out(self) -> None:
        folded = (self.teach_panel, self.export_panel, self.comparison_panel)
        self.folds = {panel: Fold(panel.title, panel, panel not in folded, is_step=True) for panel in self._panels()}
        scroll = QScrollArea()
        scroll.setWidget(FoldColumn(list(self.folds.values()), largest=self.folds[self.class_panel]))
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows what has the focus anyway
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.setSpacing(6)
        layout.addWidget(self.header)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.map_line)
        layout.addWidget(self.status)
        self.setMinimumWidth(_LEAST_WIDTH)

    def _panels(self) -> tuple[_Panel, ...]:
        learning = (self.stack_panel, self.training_panel, self.class_panel)
        return (*learning, self.teach_panel, self.export_panel, self.comparison_panel)

    def _connect(self) -> None:
        self.session.said.connect(self._say)
        self.session.happened.connect(self._on_event)
        self.session.state_changed.connect(self._on_state)
        self.session.volume_changed.connect(self._on_volume)
        self.decisions.said.connect(self._say)
        self.decisions.changed.connect(self._on_decided)
        self.decisions.previewed.connect(self.layers.preview)
        self.stack_panel.chosen.connect(self._on_chosen)
        self.stack_panel.moved.connect(self._on_moved)
        self.stack_panel.path_chosen.connect(self.open_path)
        check_up = self.stack_panel.set_up.check_up
        check_up.alignment_found.connect(lambda _: self.training_panel.effort.estimate_if_idle())
        self.training_panel.effort.loaded.connect(self.stack_panel.set_up.load)
        self.stack_panel.set_up.summarised.connect(self.folds[self.stack_panel].set_summary)
        self.class_panel.probabilities_wanted.connect(self._on_probabilities)
        self.class_panel.details.place_wanted.connect(self._on_place)
        self.picker.picked.connect(self.class_panel.pick)
        self.picker.pointed.connect(self.map_line.set_pointed)
        self.map_line.show_wanted.connect(lambda: self.layers.bring_back(self.decisions.shown))
        self.class_panel.surveyor.surveyed.connect(lambda _: self._describe())
        self.class_panel.surveyor.surveyed.connect(lambda found: self.export_panel.set_statistics(found.statistics))
        self.comparison_panel.map_wanted.connect(self._on_compared)
        self.training_panel.history_bar.wanted.connect(self.layers.put)
        self.training_panel.history_bar.kept.connect(self._on_kept)
        self.training_panel.history_bar.kept_bar.place_wanted.connect(self._on_place)
        self.teach_panel.taught.connect(self.taught_layer.show)
        self.header.remedy_wanted.connect(self.training_panel.live.cure)

    def _say(self, sentence: str, is_error: bool) -> None:
        self.status.setText(sentence)
        self.status.setStyleSheet(f"color: {RED};" if is_error else "")
        if is_error:
            show_error(sentence)

    def _on_chosen(self, layer: Image | None, volume: Volume | None) -> None:
        self._layer = layer
        self.session.use(volume)
        self.follower.follow(layer if volume is not None else None, self.stack_panel.leading)
        self.folds[self.stack_panel].set_open(volume is None)

    def _on_moved(self, volume: Volume) -> None:
        class_map = self.decisions.class_map
        if self.session.move(volume) and class_map is not None and self._layer is not None:
            self.layers.show(self._layer, class_map, self.stack_panel.leading)
            self._on_decided(class_map)
        self.follower.follow(self._layer, self.stack_panel.leading)

    def _on_volume(self, volume: Volume | None) -> None:
        self.header.show_volume(volume)
        if volume is not None:
            self._say("Press Learn: the first map shows within seconds.", False)

    def _on_state(self, state: RunState) -> None:
        self.stack_panel.set_busy(state is not RunState.IDLE)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, SnapshotTaken) and not event.is_complete:
            for part in event.parts():
                self.layers.put(part)
            return
        if isinstance(event, RunStarted):
            self._begin(event)
        self.header.watch.kinds = self.training_panel.sliders.kinds
        self.header.show_event(event)
        for panel in (self.training_panel, self.class_panel, self.export_panel):
            panel.on_event(event)
        if isinstance(event, SnapshotTaken | CutTaken):
            bar = self.training_panel.history_bar
            bar.setEnabled(isinstance(event, SnapshotTaken))  # it goes back through the maps of a section
            if bar.is_live or isinstance(event, CutTaken):
                self.layers.put(event)
            if self.session.state is RunState.LEARNING:
                self._say(_STAGES[event.stage].format(step=event.step), False)
        if isinstance(event, RunEnded):  # the fold stays closed: the list of classes would shrink
            self.folds[self.export_panel].set_summary("the whole volume, the run")

    def _begin(self, event: RunStarted) -> None:
        history = self.decisions.history or kept_history(self.session)
        if history is None or not self.session.is_resumed or history.present.n_classes != event.n_classes:
            history = History.of(ClassMap.fresh(event.n_classes))
        if self._layer is not None and self._layer in self._viewer.layers:
            self.layers.show(self._layer, history.present, self.stack_panel.leading)
        self.decisions.begin(history)  # saves what was decided before where that belongs
        self._decided_in = self.session.run_dir
        self.decisions.save_now()  # what was decided before there was a run

    def _on_decided(self, class_map: ClassMap) -> None:
        self.layers.recolour(class_map)
        self._describe_soon()
        kept = frozenset(self.layers.probability_ids)
        self.class_panel.set_with_probability(kept)
        self._ask_probabilities(kept)

    def _on_place(self, place_zyx: tuple[int, int, int]) -> None:
        if self._layer is not None:
            go_to(self._layer, self._viewer, place_zyx)

    def _describe(self) -> None:
        class_map = self.decisions.class_map
        if class_map is not None:
            self.layers.describe(self.class_panel.table.features(class_map))
            self.training_panel.set_class_colors(class_map)

    def _on_probabilities(self, shown_ids: frozenset[int]) -> None:
        for shown_id in (*shown_ids, *self.layers.probability_ids):
            self.layers.show_probability(shown_id, shown_id in shown_ids)
        self._ask_probabilities(frozenset(self.layers.probability_ids))

    def _ask_probabilities(self, shown_ids: frozenset[int]) -> None:
        class_map = self.decisions.class_map
        if class_map is not None:
            members = sorted(member for i in shown_ids for member in (class_map.members(i) if i else (UNCLEAR,)))
            self.session.ask_probabilities(tuple(members), tuple(split.bare() for split in class_map.splits))

    def _on_compared(self, compared: ComparedMap) -> None:
        if self._layer is not None and self._layer in self._viewer.layers:
            self.compared_layer.show(self._layer, compared, self.stack_panel.leading)

    def _on_kept(self, snapshot: SnapshotTaken, name: str) -> None:
        class_map = self.decisions.class_map
        if class_map is not None and self._layer is not None and self._layer in self._viewer.layers:
            view = snapshot.view
            kept = ComparedMap(name, view.z, (view.y0, view.x0), snapshot.classes, class_map.n_classes)
            ComparedLayer(self._viewer).keep(self._layer, kept)

    def _save_history(self, history: History) -> History | None:
        return save_decisions(self._decided_in, history, self._say)


def _quit_all(workers: list[TrainingWorker], _: object = None) -> None:
    for worker in workers:
        worker.quit()
