"""A user who does anything at any time, the same for the same seed; on the path of the tests.

Every action draws from a generator of its own (seed and number), so that a failing run can be shrunk: leave numbers
out, and the others still do the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import dask.array
import numpy as np
from napari.layers import Image

NAMES = ("", "axon", "axon", "名前 ✓", "x" * 300, "<b>bold</b>", "two\nlines", " ", "class 2", "0")
SIZES = (
    "50 4 4",
    "50 4 4",
    "50 4 4",
    "10",
    "10",
    "8x8x8 nm",
    "8x8x8 nm",
    "fifty",
    "-3",
    "0 0 0",
    "",
    "1 2",
    "1e99",
    "nan",
)
_SHAPE = (4, 20, 30)
_MOST_LAYERS = 7


def stack_of_kind(kind: str, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    """Return pixels and what a reader would say of them."""
    grey = rng.integers(0, 255, _SHAPE, dtype=np.uint8)
    in_nm: dict[str, Any] = {"scale": (50, 4, 4), "units": ("nm",) * 3}
    in_um: dict[str, Any] = {"scale": (0.05, 0.004, 0.004), "units": ("um",) * 3}
    made: dict[str, tuple[Any, dict[str, Any]]] = {
        "2D": (grey[0], {}),
        "3D": (grey, in_nm),
        "3D without units": (grey, {}),
        "float": (grey.astype(np.float32) / 7, in_um),
        "4D": (np.stack([grey, 255 - grey]), {"scale": (1, 50, 4, 4), "units": ("s", "nm", "nm", "nm")}),
        "multiscale": ([grey, grey[:, ::2, ::2]], {**in_nm, "multiscale": True}),
        "dask": (dask.array.from_array(grey, chunks=(1, 20, 15)), in_nm),
        "one section": (grey[:1], in_nm),
    }
    return made[kind]


KINDS = ("2D", "3D", "3D", "3D without units", "float", "4D", "multiscale", "dask", "one section")


class RandomUser:
    """Acts on a viewer and the docks in it.

    Parameters
    ----------
    viewer : with a window
    open_dock : opens another dock in it
    process : lets events happen
    seed : of everything that is chosen
    """

    def __init__(self, viewer: Any, open_dock: Callable[[], Any], process: Callable[[], object], seed: int) -> None:
        self.viewer, self.open_dock, self.process, self.seed = viewer, open_dock, process, seed
        self.docks = [open_dock()]
        self.dock = self.docks[0]  # the one at hand
        self.log: list[str] = []
        self.rng = np.random.default_rng(seed)
        self.closed: list[Any] = []  # the layers of docks that were closed
        self.renamed: set[int] = set()  # layers of ours whose name is the user's now
        self._actions = self._weighted()

    def act(self, numbers: Iterable[int], check: Callable[[int], None]) -> None:
        """Do the actions with these numbers, and `check` after each."""
        for number in numbers:
            self.rng = np.random.default_rng([self.seed, number])
            name = self._actions[self.some(len(self._actions))]
            self.dock = self.docks[-1 if self.some(4) == 0 else 0]
            self.log.append(f"{number}: {name}")
            said = getattr(self, f"do_{name}")()
            self.log[-1] += f" {said}" if said is not None else ""
            self.process()
            check(number)

    def some(self, n: int) -> int:
        """Return a number below `n`."""
        return int(self.rng.integers(n))

    def one_of(self, things: Any) -> Any:
        """Return one of some things, None of nothing."""
        return things[self.some(len(things))] if len(things) else None

    def _weighted(self) -> list[str]:
        often = "learn scroll select merge undo redo eye rename wait".split()
        rare = "second_dock close_dock open_run theme sample export delete_stack other_pixels".split()
        names = [name[3:] for name in dir(self) if name.startswith("do_")]
        return sorted(names + [name for name in names if name not in rare] + 3 * often + 6 * ["learn"])

    # --- the viewer ---------------------------------------------------------------------------------------------------

    def users_layers(self) -> list[Any]:
        return [layer for layer in self.viewer.layers if "napari-em-autoclass" not in layer.metadata]

    def our_layers(self) -> list[Any]:
        return [layer for layer in self.viewer.layers if "napari-em-autoclass" in layer.metadata]

    def do_add_stack(self) -> Any:
        if len(self.users_layers()) >= _MOST_LAYERS:
            return self.do_delete_stack()
        kind = self.one_of(KINDS)
        data, known = stack_of_kind(kind, self.rng)
        self.viewer.add_image(data, name=self.one_of(("stack", kind)), **known)
        return kind

    def do_add_others(self) -> None:
        if len(self.users_layers()) < _MOST_LAYERS:
            one = (
                lambda: self.viewer.add_labels(np.zeros(_SHAPE, np.uint8)),
                lambda: self.viewer.add_points(np.zeros((1, 3))),
                lambda: self.viewer.add_shapes([np.array([[1, 1], [1, 9], [9, 9], [9, 1]])]),
            )
            self.one_of(one)()

    def do_delete_stack(self) -> Any:
        layer = self.one_of(self.users_layers())
        if layer is not None:
            self.viewer.layers.remove(layer)
        return layer

    def do_delete_ours(self) -> Any:
        layer = self.one_of(self.our_layers())
        if layer is not None:
            self.viewer.layers.remove(layer)
        return layer

    def do_bring_back(self) -> None:
        self.dock.map_line.text.linkActivated.emit("show")

    def do_rename_layer(self) -> Any:
        layer = self.one_of(self.viewer.layers)
        if layer is not None:
            self.renamed.add(id(layer))
            layer.name = self.one_of(NAMES)
        return layer

    def do_hide_layer(self) -> Any:
        layer = self.one_of(self.viewer.layers)
        if layer is not None:
            layer.visible = not layer.visible
        return layer

    def do_reorder_layers(self) -> None:
        if len(self.viewer.layers):
            self.viewer.layers.move(self.some(len(self.viewer.layers)), self.some(len(self.viewer.layers)))

    def do_select_layer(self) -> None:
        self.viewer.layers.selection.active = self.one_of(self.viewer.layers)

    def do_other_pixels(self) -> Any:
        layer = self.one_of([one for one in self.users_layers() if type(one) is Image and not one.multiscale])
        if layer is not None:
            layer.data = np.asarray(layer.data)[..., ::-1]
        return layer

    def do_scroll(self) -> Any:
        dims = self.viewer.dims
        axis = self.one_of(dims.not_displayed) if dims.ndim > 2 else None
        if axis is not None:
            dims.set_current_step(axis, self.some(dims.nsteps[axis]))
        return axis

    def do_roll(self) -> Any:
        self.viewer.dims.order = tuple(int(i) for i in self.rng.permutation(self.viewer.dims.ndim))
        return self.viewer.dims.order

    def do_home(self) -> None:
        self.viewer.dims.ndisplay = 2
        self.viewer.dims.order = tuple(range(self.viewer.dims.ndim))

    def do_flip_3d(self) -> Any:
        self.viewer.dims.ndisplay = 5 - self.viewer.dims.ndisplay
        return self.viewer.dims.ndisplay

    def do_zoom(self) -> None:
        camera = self.viewer.scene.camera if hasattr(self.viewer, "scene") else self.viewer.camera
        camera.zoom *= self.one_of((0.5, 2.0))
        camera.center = tuple(float(self.some(40)) for _ in range(3))

    def do_theme(self) -> None:
        self.viewer.theme = "light" if self.viewer.theme == "dark" else "dark"

    def do_point(self) -> None:
        event = self._mouse()
        for callback in list(self.viewer.mouse_move_callbacks):
            callback(self.viewer, event)

    def do_double_click(self) -> None:
        event = self._mouse()
        for callback in list(self.viewer.mouse_double_click_callbacks):
            callback(self.viewer, event)

    def _mouse(self) -> Any:
        dims = self.viewer.dims
        at = list(dims.point)
        for axis in dims.displayed:
            at[axis] = float(self.rng.uniform(*dims.range[axis][:2]))
        view = {"dims_displayed": list(dims.displayed), "view_direction": None, "up_direction": None}
        return SimpleNamespace(position=tuple(at), modifiers=(), pos=np.array((5, 5)), handled=False, **view)

    def do_wait(self) -> None:
        for _ in range(3):
            self.process()
            time.sleep(0.005)

    # --- stack and set-up ---------------------------------------------------------------------------------------------

    def do_choose(self) -> Any:
        box = self.dock.stack_panel.layer_box
        if box.isEnabled() and box.count():
            row = self.some(box.count())
            box.setCurrentIndex(row)
            box.activated.emit(row)
            return box.currentText()
        return None

    def do_type_size(self) -> Any:
        return self._type(self.dock.stack_panel.size_field, self.one_of(SIZES))

    def do_type_skipped(self) -> Any:
        return self._type(self.dock.stack_panel.set_up.skip_field, self.one_of(("", "1", "0-2", "99", "x", "3-1")))

    def _type(self, field: Any, text: str) -> str | None:
        if not field.isEnabled() or field.isHidden():
            return None
        field.setText(text)
        field.setModified(True)
        field.editingFinished.emit()
        return text

    def do_leading(self) -> None:
        boxes = self.dock.stack_panel.leading_box.boxes
        if boxes and self.dock.stack_panel.leading_box.isEnabled():
            boxes[0].setValue(self.some(boxes[0].maximum() + 1))

    def do_region(self) -> None:
        set_up = self.dock.stack_panel.set_up
        slider = set_up.sections_slider
        if set_up.isHidden():
            return
        if slider.isEnabled() and self.some(2):
            low = self.some(slider.maximum())
            slider.setValue((low, low + self.some(slider.maximum() - low + 1)))
        else:
            self.press(self.one_of((set_up.rectangle_button, set_up.whole_button)))

    def do_sample(self) -> None:
        if self.dock.stack_panel.open_button.isEnabled() and len(self.users_layers()) < _MOST_LAYERS:
            self.dock.stack_panel.sample_action.trigger()

    def press(self, button: Any) -> bool:
        """Press a button if a user could."""
        pressed = button.isEnabled() and not button.isHidden()
        if pressed:
            button.click()
        return bool(pressed)
