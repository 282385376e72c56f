"""Whatever the user does to views and layers while classes are learned: no exception, and what is shown is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import CutRequest, ViewRequest
from napari_em_autoclass.gui.layers import ClassLayers
from napari_em_autoclass.gui.viewpoint import ViewFollower

SHAPE = (7, 20, 30)
N_ACTIONS = 300


class Playground:
    """A viewer with a stack, its class layers and a run that answers at once; each method is an action of the user."""

    def __init__(self, seed: int, run: Any, leading: tuple[int, ...]) -> None:
        self.rng = np.random.default_rng(seed)
        self.viewer, self.run, self.leading = ViewerModel(), run, leading
        shape = (*(3 for _ in leading), *SHAPE)
        self.source = self.viewer.add_image(np.zeros(shape, np.uint8), name="stack")
        self.notices: list[str] = []
        self.layers = ClassLayers(self.viewer, self.notices.append)
        self.layers.show(self.source, ClassMap.fresh(4), leading)
        self.views: list[Any] = []
        self.follower = ViewFollower(self.viewer, self.views.append)
        self.follower.follow(self.source, leading)
        often = (self.scroll, self.answer, self.go_home)
        rare = (self.roll, self.flip_3d, self.hide, self.rename, self.move, self.delete_map, self.bring_back)
        ours = (self.probability, self.merge, self.add, self.point)
        self.actions: tuple[Callable[[], object], ...] = (*often, *often, *often, *rare, *ours)

    def some(self, n: int) -> int:
        return int(self.rng.integers(n))

    def scroll(self) -> None:
        across = [axis for axis in self.viewer.dims.not_displayed if axis >= len(self.leading) or not self.some(4)]
        for axis in across:
            self.viewer.dims.set_current_step(axis, self.some(self.viewer.dims.nsteps[axis]))

    def go_home(self) -> None:
        self.viewer.dims.ndisplay = 2
        n = self.viewer.dims.ndim
        self.viewer.dims.order = [tuple(range(n)), (*range(n - 3), n - 2, n - 3, n - 1)][self.some(2)]
        self.viewer.dims.set_point(range(len(self.leading)), self.leading)

    def roll(self) -> None:
        self.viewer.dims.order = tuple(int(i) for i in self.rng.permutation(self.viewer.dims.ndim))

    def flip_3d(self) -> None:
        self.viewer.dims.ndisplay = 2 if self.viewer.dims.ndisplay == 3 else 3

    def answer(self) -> None:
        self.follower.look()
        if self.views:
            self.layers.put(self.run.seen(self.views[-1]))
            self.layers._refresh_now()

    def hide(self) -> None:
        layer = self.viewer.layers[self.some(len(self.viewer.layers))]
        layer.visible = not layer.visible

    def rename(self) -> None:
        self.viewer.layers[self.some(len(self.viewer.layers))].name = f"mine {self.some(5)}"

    def move(self) -> None:
        self.viewer.layers.move(self.some(len(self.viewer.layers)), self.some(len(self.viewer.layers)))

    def delete_map(self) -> None:
        if self.layers.class_layer is not None:
            self.viewer.layers.remove(self.layers.class_layer)
            assert "Show it again" in self.notices[-1]

    def bring_back(self) -> None:
        self.layers.bring_back()
        assert self.layers.class_layer in self.viewer.layers

    def probability(self) -> None:
        self.layers.show_probability(1 + self.some(4), bool(self.some(2)))

    def merge(self) -> None:
        self.layers.recolour(ClassMap.fresh(4).merge([1, 2]) if self.some(2) else ClassMap.fresh(4))

    def add(self) -> None:
        self.viewer.add_points(np.zeros((1, self.viewer.dims.ndim)))

    def point(self) -> None:
        found = self.layers.at(tuple(self.viewer.dims.point))
        if found is not None:
            (z, _, _), class_id, _ = found
            assert class_id == 1 + z % 4


@pytest.mark.slow
@pytest.mark.parametrize("leading", [(), (1,)], ids=["3D", "time series"])
def test_the_user_may_do_anything(qtbot: Any, fake_run: Any, leading: tuple[int, ...]) -> None:
    play = Playground(5, fake_run(), leading)
    for _ in range(N_ACTIONS):
        play.actions[play.some(len(play.actions))]()
    assert len(play.views) > 10
    assert {type(view) for view in play.views} == {ViewRequest, CutRequest}
    # Every section that was answered says what the run said, and no other voxel has a class.
    play.viewer.dims.ndisplay = 2
    play.bring_back()
    values = np.asarray(play.layers.class_layer.data)[leading]
    for z in range(SHAPE[0]):
        assert set(np.unique(values[z])) <= {0, 1 + z % 4}
    play.layers.remove()
    assert not [layer for layer in play.viewer.layers if "napari-em-autoclass" in layer.metadata]
    play.follower.close()
    play.layers.close()
