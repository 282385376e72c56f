"""Learn, pause, stop; how it goes; what matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import (
    Event,
    QualityMeasured,
    RunEnded,
    RunStarted,
    SettingsChanged,
    SnapshotTaken,
    StepDone,
)
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.advanced import AdvancedSettings
from napari_em_autoclass.gui.compute_box import ComputeBox
from napari_em_autoclass.gui.curves import Curves
from napari_em_autoclass.gui.editors import FloatBox, IntBox
from napari_em_autoclass.gui.effort import Effort
from napari_em_autoclass.gui.fold import Fold, FoldRow
from napari_em_autoclass.gui.glyphs import ACCENT, GlyphButton
from napari_em_autoclass.gui.history_bar import HistoryBar
from napari_em_autoclass.gui.live_settings import LiveSettings
from napari_em_autoclass.gui.pace import pace_of
from napari_em_autoclass.gui.preset_box import Preset
from napari_em_autoclass.gui.recipe_box import RecipeBox
from napari_em_autoclass.gui.recipe_card import DEFAULT_CLASSES, DEFAULT_SECONDS, DockCard, dock_cards
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.sliders import AimSliders
from napari_em_autoclass.gui.wishes import Wishes

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["TrainingPanel"]

_BEGIN = "Learn the classes of this stack"
_GO_ON = (
    "Go on with this run, for the time given; names and merges are kept.\n"
    "Another recipe or number of classes begins anew."
)
_PAUSE = "Pause; scrolling still updates the map"
_COMPARING = "comparing recipes…"
_PROMINENT = (
    f"QToolButton {{ background: {ACCENT}; color: white; font-weight: bold; padding: 3px 12px; border-radius: 3px; }}"
    "QToolButton:disabled { background: rgba(128, 128, 128, 60); color: gray; }"
)


class TrainingPanel(QWidget):
    """Turns what is set into `Wishes`, and what happens into progress, curves and words."""

    title = "2  Learn"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._cards = {card.name: card for card in dock_cards()}
        self.recipe_box = RecipeBox(card.card for card in self._cards.values())
        self.classes_box, self.minutes_box = IntBox(), FloatBox(digits=3)
        self.learn_button = GlyphButton("play", _BEGIN, "Learn")
        self.pause_button = GlyphButton("pause", _PAUSE)
        self.stop_button = GlyphButton("stop", "Stop after this step; what was learned is kept")
        self.speed_label = QLabel()
        self.progress_bar = QProgressBar()
        self.curves = Curves()
        self.more_curves_button = QToolButton()
        self.history_bar = HistoryBar(session)
        self.history_bar.setVisible(False)
        self.sliders = AimSliders()
        self.effort = Effort(session, lambda: self.wishes)
        self.advanced = AdvancedSettings()
        self.compute_box = ComputeBox(session)
        self._fill()
        self._lay_out()
        folds = (self.aims_fold, self.advanced_fold)
        self.live = LiveSettings(session, self.sliders, self.advanced, folds, parent=self)
        self._connect()
        self._on_recipe()
        self._on_state(session.state)

    @property
    def wishes(self) -> Wishes:
        """What is set now.

        Raises
        ------
        InputError
            If an advanced setting is out of bounds.
        """
        seconds = round(60 * self.minutes_box.value(), 3) if self._card.seconds is not None else None
        advanced = self.advanced.settings
        preset, session = self.effort.preset_box.assignments, self._session
        weights, name = self.sliders.weights, self._card.name
        where = (session.region, session.skip_sections)
        return Wishes(name, self.classes_box.value(), seconds, weights, advanced, preset, *where)

    def on_event(self, event: Event) -> None:
        """Follow a run."""
        if isinstance(event, RunStarted):
            self.curves.setVisible(True)
            self.more_curves_button.setVisible(True)
            self.history_bar.setVisible(True)
            self.history_bar.clear(self._session.run_dir)
            if not self._session.is_resumed:
                self.curves.clear()
        elif isinstance(event, StepDone):
            self.progress_bar.setValue(round(1000 * event.fraction))
            self.speed_label.setText(pace_of(event))
            self.curves.add(event)
        elif isinstance(event, SnapshotTaken):
            self.history_bar.setVisible(True)
            self.history_bar.add(event)
        elif isinstance(event, QualityMeasured):
            self.curves.add_quality(event)
        elif isinstance(event, SettingsChanged):
            self.curves.add_change(event)
        elif isinstance(event, RunEnded):
            self.speed_label.setText(f"{event.step} steps")
            self.progress_bar.setValue(1000 if event.reason == "finished" else self.progress_bar.value())

    def set_class_colors(self, class_map: ClassMap) -> None:
        """Give the usage bars the colours of the classes."""
        self.history_bar.kept_bar.set_classes(class_map)
        self.curves.set_colors([class_map.color_of(i + 1) for i in range(class_map.n_classes)])

    def close_down(self) -> None:
        """Update nothing later."""
        self.curves.close_down()
        self.advanced.close_down()
        self.effort.close_down()
        self.compute_box.close_down()

    @property
    def _card(self) -> DockCard:
        return self._cards[self.recipe_box.currentData()]

    def _fill(self) -> None:
        # napari's style makes every box as wide as the largest, and pads it: "0.667 min" would be cut.
        self.classes_box.setStyleSheet("min-width: 38px; padding: 1px 2px;")
        self.minutes_box.setStyleSheet("min-width: 88px; padding: 1px 2px;")
        self.classes_box.setRange(2, 254)
        self.classes_box.setValue(DEFAULT_CLASSES)
        self.classes_box.setToolTip("How many classes to tell apart. More than you need: you merge them afterwards.")
        self.minutes_box.setRange(0.05, 10_000)
        self.minutes_box.setSingleStep(1)
        self.minutes_box.setSuffix(" min")
        self.minutes_box.setValue(DEFAULT_SECONDS / 60)
        self.minutes_box.setToolTip("How long to learn. The map shows from the first seconds on, and sharpens.")
        self.curves.setVisible(False)  # nothing to see yet; the room is for the classes
        self.more_curves_button.setText("⌄")
        self.more_curves_button.setCheckable(True)
        self.more_curves_button.setVisible(False)
        self.more_curves_button.setAccessibleName("More curves")
        self.more_curves_button.setToolTip("More curves: which line is which, foresight, and quality without labels")
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setTextVisible(False)
        self.progress_bar.setFixedHeight(6)
        self.learn_button.setProperty("prominent", True)
        self.learn_button.setStyleSheet(_PROMINENT)
        self.learn_button.set_glyph("play", _BEGIN, "Learn")

    def _lay_out(self) -> None:
        choices = QGridLayout()
        choices.setHorizontalSpacing(6)
        choices.setVerticalSpacing(4)
        choices.addWidget(QLabel("Recipe"), 0, 0)
        choices.addWidget(self.recipe_box, 0, 1, 1, 3)
        choices.addWidget(QLabel("Classes"), 1, 0)
        choices.addWidget(self.classes_box, 1, 1)
        choices.addWidget(QLabel("Time"), 1, 2)
        choices.addWidget(self.minutes_box, 1, 3)
        choices.setColumnStretch(3, 1)  # three digits of classes need no more room
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.learn_button, self.pause_button, self.stop_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.speed_label)
        buttons.addWidget(self.more_curves_button)
        self.aims_fold = Fold("What matters", self.sliders, is_open=False)
        self.advanced_fold = Fold("More settings", self.advanced, is_open=False)
        self.compute_fold = Fold("Computer", self.compute_box, is_open=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(choices)
        layout.addWidget(self.effort)
        layout.addLayout(buttons)
        layout.addWidget(self.progress_bar)
        folds = FoldRow(self.aims_fold, self.advanced_fold, self.compute_fold)
        for widget in (self.curves, self.history_bar, folds):
            layout.addWidget(widget)

    def _connect(self) -> None:
        self.recipe_box.currentIndexChanged.connect(lambda _: self._on_recipe())
        self.classes_box.valueChanged.connect(self._name_learn)
        self.learn_button.clicked.connect(self._on_learn)
        self.pause_button.clicked.connect(lambda: self._session.pause(self._session.state is not RunState.PAUSED))
        self.stop_button.clicked.connect(self._session.stop)
        self.effort.preset_box.chosen.connect(self._on_preset)
        self.effort.loaded.connect(self._on_loaded)
        self.minutes_box.valueChanged.connect(
            lambda minutes: self.effort.preset_box.show_seconds(round(60 * minutes, 3))
        )
        self.more_curves_button.toggled.connect(self.curves.set_detailed)
        self.compute_box.summarised.connect(self.compute_fold.set_summary)
        self.advanced.failed.connect(lambda message: self._session.said.emit(message, True))
        self.advanced_fold.toggled.connect(lambda is_open: self.advanced.show_recipe() if is_open else None)
        self._session.state_changed.connect(self._on_state)
        self._session.volume_changed.connect(self._on_volume)

    def _on_recipe(self) -> None:
        card = self._card
        self.recipe_box.setToolTip(f"<qt>{card.card.about}</qt>")
        self.sliders.set_recipe(card.weights)
        self.aims_fold.setVisible(bool(card.weights))
        self.effort.forget_estimate()
        self.minutes_box.setEnabled(card.seconds is not None)
        self.advanced.set_recipe(card.name, self.effort.preset_box.assignments, load=self.advanced_fold.is_open)
        self._name_learn()

    def _on_preset(self, preset: Preset) -> None:
        self.minutes_box.setValue(preset.seconds / 60)
        self.advanced.set_recipe(self._card.name, preset.assignments, load=self.advanced_fold.is_open)
        self.effort.forget_estimate()
        self._name_learn()

    def _on_loaded(self, settings: RunSettings) -> None:
        row = self.recipe_box.findData(settings.recipe)
        if row < 0:
            self._session.said.emit(f"These settings are of a recipe that is not here: {settings.recipe}.", True)
            return
        self.recipe_box.setCurrentIndex(row)
        self.classes_box.setValue(settings.n_classes)
        if settings.training.seconds is not None:
            self.minutes_box.setValue(settings.training.seconds / 60)
        self.effort.preset_box.show_own()
        self.effort.forget_estimate()
        self.sliders.set_recipe({term.kind: term.weight for term in settings.terms})
        self.advanced.take(settings)
        self._name_learn()
        self._session.said.emit("Settings loaded, with the part of the stack to learn from.", False)

    def _on_learn(self) -> None:
        try:
            self._session.start(self.wishes)
        except InputError as error:
            self._session.said.emit(str(error), True)

    def _name_learn(self, _: object = None) -> None:
        """Say whether Learn goes on with the last run."""
        try:
            goes_on = self._session.can_go_on(self.wishes)
        except InputError:
            goes_on = False
        if self._session.state is RunState.IDLE:
            word, tooltip = ("Learn more", _GO_ON) if goes_on else ("Learn", _BEGIN)
            self.learn_button.set_glyph("play", tooltip, word)

    def _on_volume(self, _: Volume | None) -> None:
        self.effort.forget_estimate()
        self.history_bar.clear()  # its maps are of the stack before
        self.history_bar.setVisible(False)
        self._on_state(self._session.state)

    def _on_state(self, state: RunState) -> None:
        volume: Volume | None = self._session.volume
        idle, paused = state is RunState.IDLE, state is RunState.PAUSED
        self.learn_button.setEnabled(idle and volume is not None)
        self._name_learn()
        self.pause_button.setEnabled(state in (RunState.LEARNING, RunState.PAUSED))
        self.stop_button.setEnabled(not idle and state is not RunState.STOPPING)
        self.pause_button.set_glyph("play" if paused else "pause", "Go on" if paused else _PAUSE)
        self.effort.set_busy(not idle)
        for widget in (self.recipe_box, self.classes_box):
            widget.setEnabled(idle)
        self.minutes_box.setEnabled(idle and self._card.seconds is not None)
        if state is RunState.STARTING:
            self.progress_bar.setValue(0)
            self.speed_label.setText("starting…")
        if state is RunState.STOPPING:
            self.speed_label.setText("stopping…")
        if (state is RunState.COMPARING) != (self.speed_label.text() == _COMPARING):
            self.speed_label.setText(_COMPARING if state is RunState.COMPARING else "")
