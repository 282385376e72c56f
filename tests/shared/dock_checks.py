"""What must hold of a dock at any moment, and once nothing is under way; on the path of the tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_em_autoclass.core.events import UNCLEAR
from napari_em_autoclass.gui.class_colors import colors_of
from napari_em_autoclass.gui.class_columns import ID_ROLE, Column
from napari_em_autoclass.gui.session import RunState

__all__ = ["busy_with", "check_dock", "check_undo", "our_ears"]

_MAP_BYTES = 256 * 2**20


def busy_with(dock: Any) -> list[str]:
    """Return what threads do for the dock, but for a training."""
    panel, state = dock.class_panel, dock.session.state
    working = {
        "comparing": panel.suggestions.is_comparing,
        "splitting": panel.edits.is_splitting,
        "surveying": panel.surveyor.is_looking,
        "opening": dock.reopener.is_opening,
        "exporting": dock.export_panel._worker is not None,
        "sample": dock.stack_panel.sample._worker is not None,
        "estimate": dock.training_panel.effort._worker is not None,
        state.value: state in (RunState.STARTING, RunState.STOPPING),
    }
    return [what for what, is_so in working.items() if is_so]


def our_ears(viewer: Any) -> list[str]:
    """Return which events of a viewer, its layers and its mouse our package listens to."""
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    heard = []
    for owner in (viewer, viewer.dims, viewer.layers, viewer.layers.selection, camera, *viewer.layers):
        for kind, emitter in owner.events.emitters.items():
            heard += [f"{type(owner).__name__}.{kind}" for callback in emitter.callbacks if _is_ours(callback)]
    for kind in ("mouse_move", "mouse_drag", "mouse_double_click", "mouse_wheel"):
        heard += [kind for callback in getattr(viewer, f"{kind}_callbacks") if _is_ours(callback)]
    return heard


def _is_ours(callback: Any) -> bool:
    """Return whether a callback, which napari keeps as (weak reference, name) or as it is, comes from our package."""
    found = callback[0]() if isinstance(callback, tuple) else callback
    known = getattr(found, "func", found)
    return any(str(getattr(one, "__module__", "")).startswith("napari_em") for one in (known, type(known)))


def check_dock(dock: Any, viewer: Any, renamed: set[int]) -> None:
    """Check that list, layers, buttons and session agree."""
    _check_list(dock)
    _check_layers(dock, viewer, renamed)
    _check_buttons(dock, viewer)


def _check_list(dock: Any) -> None:
    class_map, table = dock.decisions.shown, dock.class_panel.table
    rows = class_map.rows() if class_map is not None else ()
    listed = [table.index(row, 0).data(ID_ROLE) for row in range(table.rowCount())]
    assert listed == list(rows), (listed, rows, dock.decisions.is_previewing)
    for row, shown_id in enumerate(rows):
        assert table.index(row, Column.NAME).data() == class_map.name_of(shown_id)
        members = class_map.members(shown_id)
        assert table.rowCount(table.index(row, 0)) == (len(members) if len(members) > 1 else 0)
    assert set(dock.class_panel.selected_ids()) <= set(rows)


def _check_layers(dock: Any, viewer: Any, renamed: set[int]) -> None:
    layers, class_map = dock.layers, dock.decisions.shown
    ours = layers.class_layer
    if ours is not None:
        assert ours in viewer.layers
        for class_id, color in colors_of(class_map).items():
            rgba, found = np.array([*bytes.fromhex(f"{color[1:]}ff"[:8])]) / 255, ours.get_color(class_id)
            assert np.allclose(found, rgba, atol=1e-3) if rgba[3] else found is None or found[3] == 0
        assert layers._map.held_bytes <= _MAP_BYTES
        assert id(ours) in renamed or ours.name.startswith("classes · ")
    for shown_id, (layer, _) in layers._probs.items():
        assert layer in viewer.layers
        assert shown_id in (UNCLEAR, *dock.decisions.class_map.rows())


def _check_buttons(dock: Any, viewer: Any) -> None:
    state, session, panel = dock.session.state, dock.session, dock.training_panel
    idle = state is RunState.IDLE
    assert panel.learn_button.isEnabled() == (idle and session.volume is not None)
    assert panel.pause_button.isEnabled() == (state in (RunState.LEARNING, RunState.PAUSED))
    assert panel.stop_button.isEnabled() == (not idle and state is not RunState.STOPPING)
    assert dock.stack_panel.layer_box.isEnabled() == idle
    history = dock.decisions.history
    assert dock.class_panel.undo_button.isEnabled() == bool(history and history.can_undo)
    assert dock.class_panel.redo_button.isEnabled() == bool(history and history.can_redo)
    layer = dock.stack_panel.layer
    assert layer is None or layer in viewer.layers
    assert idle or session.volume is not None
    if idle:
        assert dock._layer is layer
        assert session.volume is None or layer is not None
        box = dock.stack_panel.layer_box
        assert layer is None or dock.stack_panel.candidates()[box.currentIndex()] is layer


def check_undo(dock: Any) -> None:
    """Check that taking back and doing again changes nothing."""
    decisions = dock.decisions
    before = decisions.class_map
    n = min(len(decisions.history.past), 3) if decisions.history else 0
    for _ in range(n):
        decisions.undo()
    for _ in range(n):
        decisions.redo()
    assert decisions.class_map == before
