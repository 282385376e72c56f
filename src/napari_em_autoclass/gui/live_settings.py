"""Settings while a training goes on: sliders, form and run say the same, and remedies move them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QScrollArea, QWidget

from napari_em_autoclass.gui.advanced import AdvancedSettings
from napari_em_autoclass.gui.fold import Fold
from napari_em_autoclass.gui.health import Remedy
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.sliders import AimSliders
from napari_em_autoclass.gui.wishes import with_live_parts, with_weights

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["LiveSettings"]


class LiveSettings(QObject):
    """Joins the sliders, the form of all settings and the run.

    Parameters
    ----------
    session : whose run is changed
    sliders, advanced : where settings are edited
    folds : what each of the two is folded into, opened when a remedy moves something in it
    """

    def __init__(
        self,
        session: Session,
        sliders: AimSliders,
        advanced: AdvancedSettings,
        folds: tuple[Fold, Fold],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session, self._sliders, self._advanced = session, sliders, advanced
        self._aims_fold, self._advanced_fold = folds
        sliders.changed.connect(self._on_weights)
        advanced.weight_edited.connect(sliders.set_weight)
        advanced.edited.connect(self._on_edited)
        advanced.shown.connect(lambda: advanced.show_weights(sliders.weights))
        advanced.changed_at.connect(self._show_soon)
        # Once what was unfolded for it has its place.
        self._to_show: QWidget = sliders
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._scroll)
        session.state_changed.connect(self._on_state)

    def cure(self, remedy: Remedy) -> None:
        """Do what the button of a remedy says, where it can be seen, and say so."""
        if remedy.action == "stop":
            self._session.stop()
        elif remedy.action in ("raise", "lower"):
            self._move(remedy)
        else:
            self._advanced_fold.set_open(True)
            path, value_of = {
                "slower": ("training.learning_rate", lambda rate: float(f"{rate / 2:.3g}")),
                "shift": ("tiles.shift_nm", lambda shift: min(max(2 * shift, 80.0), 10_000.0)),
                "tiles": ("training.tiles_per_step", lambda _: remedy.number),
            }[remedy.action]
            self._advanced.change(path, value_of)
            then = "" if self._session.is_busy else " Press Learn."
            self._session.said.emit(f"{remedy.label}: set below, in More settings.{then}", False)

    def _move(self, remedy: Remedy) -> None:
        self._aims_fold.set_open(True)
        kinds = [kind for kind in remedy.kinds if kind in self._sliders.weights]
        move = self._sliders.raise_aim if remedy.action == "raise" else self._sliders.lower_aim
        if kinds and move(kinds[0]):
            self._show_soon(self._sliders)
            more = "The next steps show whether it helps." if self._session.is_busy else "Press Learn."
            self._session.said.emit(f"{remedy.label}: see the slider. {more}", False)
        else:
            self._session.said.emit("The slider is at its end already. Start again with fewer classes.", False)

    def _show_soon(self, widget: QWidget) -> None:
        self._to_show = widget
        self._soon.start(0)

    def _scroll(self) -> None:
        above = self._to_show.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None:
            above.ensureWidgetVisible(self._to_show)

    def _on_weights(self, weights: dict[str, float]) -> None:
        self._advanced.show_weights(weights)
        self._session.alter(partial(with_weights, weights=weights))

    def _on_edited(self, edited: RunSettings) -> None:
        self._session.alter(partial(with_live_parts, edited=edited))

    def _on_state(self, state: RunState) -> None:
        self._advanced.set_live(state in (RunState.STARTING, RunState.LEARNING, RunState.PAUSED))
        self._advanced.setEnabled(state not in (RunState.STOPPING, RunState.COMPARING))
