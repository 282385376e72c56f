"""The only module that adds, changes or removes layers, and only those it made.

The class layer always holds the K classes as learned; merges, names and eyes are a matter of its colours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray
from superqt.utils import qthrottled

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import MissingVoxelSize
from napari_em_autoclass.core.events import UNCLEAR, CutTaken, SnapshotTaken
from napari_em_autoclass.core.split import Split
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.gui.at_index import placed
from napari_em_autoclass.gui.class_colors import LabelsLook, label_colors, towards, whole_classes
from napari_em_autoclass.gui.flat_only import FlatOnly
from napari_em_autoclass.gui.live_map import LiveMap, added
from napari_em_autoclass.gui.solid_in_3d import SolidIn3D
from napari_em_autoclass.gui.source import LEFT, OURS, SOURCE, shape_of, transform_of
from napari_em_autoclass.gui.viewpoint import in_units_of

__all__ = ["ClassLayers", "add_stack", "add_volume", "label_colors"]

_LIMITS_PX = 1024  # side of the part of a section that gives the contrast limits

_CLASS_OPACITY = 0.5
_UNCLEAR_COLOR = "#ffd23f"
_THUMBNAIL_S = 3.0
_DELETED = "You removed the class map from the viewer. <a href='show'>Show it again</a>"
_FLAT = "In 3D the class map is hidden: this stack is too large to draw it while it is learned."


class ClassLayers:
    """The class map and the probabilities of one stack, as layers of `viewer`.

    A layer the user deletes stays away until `bring_back` or the next run; everything else goes on.

    Parameters
    ----------
    viewer : where they are shown
    notify : called with a sentence when the class map is not to be seen, and with "" when it is again
    """

    def __init__(self, viewer: Viewer, notify: Callable[[str], object] = lambda _: None) -> None:
        self._viewer, self._notify = viewer, notify
        self._flat_only = FlatOnly(viewer, self._on_hidden)
        self._source: Image | None = None
        self._leading: tuple[int, ...] = ()
        self._table: Mapping[str, Sequence[object]] | None = None
        self._classes: Labels | None = None
        self._solid = SolidIn3D(viewer, lambda: self._classes)
        self._map: LiveMap | None = None
        self._sure: LiveMap | None = None  # how probable the class shown is, times 255
        self._class_map: ClassMap | None = None
        self._probs: dict[int, tuple[Image, LiveMap]] = {}
        self._look = LabelsLook()
        self._thumbnail_due = 0.0
        self._refresh = qthrottled(self._refresh_now, timeout=80)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def class_layer(self) -> Labels | None:
        """The layer with the class map, None where there is none (any more)."""
        return self._classes

    @property
    def probability_ids(self) -> tuple[int, ...]:
        """Shown ids whose probability has a layer."""
        return tuple(self._probs)

    def show(self, source: Image, class_map: ClassMap, leading: tuple[int, ...] = ()) -> None:
        """Lay an empty class map on `source`, at an index of its leading axes, in place of the one that was there."""
        self.remove()
        self._source, self._class_map, self._leading = source, class_map, leading
        self._map, self._sure = (LiveMap(shape_of(source)[1]) for _ in range(2))
        self._lay()

    def bring_back(self, class_map: ClassMap | None = None) -> None:
        """Show the class map again, with all that is known, after the user deleted its layer; coloured as told."""
        if self._classes is None and self._map is not None and self._source in self._viewer.layers:
            self._lay()
            if class_map is not None:
                self.preview(class_map)

    def _lay(self) -> None:
        assert self._source is not None  # `show` was called
        assert self._class_map is not None
        self._classes = Labels(
            self._placed(self._map),
            name=f"classes · {self._source.name}",
            colormap=label_colors(self._class_map),
            opacity=_CLASS_OPACITY,
            multiscale=False,
            metadata={OURS: "classes"},
            **transform_of(self._source),
        )
        self._add(self._classes)
        self._solid.look()
        self._classes.editable = False  # painting would change what was learned
        if self._table is not None:
            self._look.describe(self._classes, self._table)
        self._notify("")

    def _placed(self, live: LiveMap | None) -> Any:
        return placed(live, shape_of(self._source)[0], self._leading) if live is not None else None

    def put(self, seen: SnapshotTaken | CutTaken) -> None:
        """Show a snapshot, or a piece of a cut, at its place; costs a redraw at most every 80 ms."""
        if self._map is not None:
            # An answer from before a split, or before it was taken back, shows whole classes.
            is_new = self._class_map is None or seen.view.splits in ((), self._parts())
            _put(self._map, seen, seen.classes if is_new else whole_classes(seen.view.splits)[seen.classes])
        if self._sure is not None:
            _put(self._sure, seen, seen.confidence)
        known = dict(seen.probs)
        for shown_id, (_, live) in self._probs.items():
            found = [known[i] for i in self._members(shown_id) if i in known]
            if found:
                _put(live, seen, added(found))
        self._refresh()

    def recolour(self, class_map: ClassMap) -> None:
        """Show names, colours, merges and eyes as `class_map` has them."""
        before, self._class_map = self._parts(), class_map
        if self._map is not None and before not in ((), self._parts()):
            self._map.renumber(
                whole_classes(before)
            )  # other parts may have these ids now; they follow with the next answer
            self._refresh()
        if self._classes is not None:
            self._look.color(self._classes, class_map)
        for shown_id, (layer, _) in list(self._probs.items()):
            if shown_id == UNCLEAR:
                continue
            if shown_id not in class_map.rows():
                self._viewer.layers.remove(layer)
                continue
            layer.colormap = towards(class_map.color_of(shown_id))
            layer.name = self._probability_name(shown_id)

    def preview(self, class_map: ClassMap) -> None:
        """Colour the class map as `class_map` has it, for the moment; all else stays as decided."""
        if self._classes is not None:
            self._look.color(self._classes, class_map)

    def show_probability(self, shown_id: int, on: bool) -> None:
        """Add or remove the layer with the probability of a class or group, or with how unclear each pixel is."""
        if not on and shown_id in self._probs:
            self._viewer.layers.remove(self._probs[shown_id][0])
        if not on or shown_id in self._probs or self._source is None or self._map is None or self._class_map is None:
            return
        live = LiveMap(self._map.shape, budget_bytes=32 * 2**20)
        layer = Image(
            self._placed(live),
            name=self._probability_name(shown_id),
            colormap=towards(_UNCLEAR_COLOR if shown_id == UNCLEAR else self._class_map.color_of(shown_id)),
            contrast_limits=(0, 255),
            blending="additive",
            rgb=False,
            multiscale=False,
            metadata={OURS: "probability"},
            **transform_of(self._source),
        )
        self._probs[shown_id] = (layer, live)
        self._add(layer)

    def at(self, position: Sequence[float]) -> tuple[tuple[int, int, int], int, float] | None:
        """Return voxel, class id and its probability at a position in the viewer; None where no class is known."""
        layer, live, sure = self._classes, self._map, self._sure
        if layer is None or live is None or sure is None or not layer.visible:
            return None
        place = [int(i) for i in np.round(layer.world_to_data(in_units_of(layer, self._viewer, position)))]
        if tuple(place[:-3]) != self._leading:
            return None
        z, y, x = place[-3:]
        if not all(0 <= i < n for i, n in zip((z, y, x), live.shape, strict=True)) or not live.value(z, y, x):
            return None
        return (z, y, x), live.value(z, y, x), sure.value(z, y, x) / 255

    def describe(self, table: Mapping[str, Sequence[object]]) -> None:
        """Give the class layer a table with a row per id, its column "index" (napari shows it in the status bar)."""
        self._table = table
        if self._classes is not None:
            self._look.describe(self._classes, table)

    def remove(self) -> None:
        """Take all our layers away."""
        layers = [layer for layer, _ in self._probs.values()] + ([self._classes] if self._classes else [])
        self._classes = self._map = self._source = self._table = None
        self._probs.clear()
        for layer in layers:
            self._flat_only.forget(layer)
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._notify("")

    def close(self, run_dir: Path | None = None) -> None:
        """Let go of the viewer; the layers stay as they are, and say of which run they are to the next dock."""
        if self._classes is not None and run_dir is not None:
            self._classes.metadata[OURS] = {"run_dir": str(run_dir), LEFT: True}
        self._refresh.cancel()
        self._flat_only.close()
        self._solid.close()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _add(self, layer: Layer) -> None:
        selected = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        # napari selects what is added; what the user had selected stays selected.
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active
        self._flat_only.watch(layer)

    def _refresh_now(self) -> None:
        if self._viewer.dims.ndisplay != 2:
            return  # would upload the whole volume each time; the next switch to 2D shows the newest
        now = time.monotonic()
        with_thumbnail = now > self._thumbnail_due
        if with_thumbnail:
            self._thumbnail_due = now + _THUMBNAIL_S
        for layer in (self._classes, *(layer for layer, _ in self._probs.values())):
            if layer is not None and layer.visible:
                layer.refresh(thumbnail=with_thumbnail, highlight=False, extent=False)

    def _on_removed(self, event: Any) -> None:
        gone = event.value
        self._flat_only.forget(gone)
        if gone in (self._classes, self._source):
            self._classes = None if gone == self._classes else self._classes
            self._notify(_DELETED if self._source in self._viewer.layers else "")
        self._probs = {shown_id: pair for shown_id, pair in self._probs.items() if pair[0] != gone}

    def _on_hidden(self, is_hidden: bool) -> None:
        self._notify(_FLAT if is_hidden else "")

    def _parts(self) -> tuple[Split, ...]:
        return tuple(split.bare() for split in self._class_map.splits) if self._class_map else ()

    def _members(self, shown_id: int) -> tuple[int, ...]:
        return self._class_map.members(shown_id) if self._class_map and shown_id != UNCLEAR else (shown_id,)

    def _probability_name(self, shown_id: int) -> str:
        stack = self._source.name if self._source else ""
        if shown_id == UNCLEAR:
            return f"unclear pixels · {stack}"
        return f"p({self._class_map.name_of(shown_id) if self._class_map else shown_id}) · {stack}"


def _put(live: LiveMap, seen: SnapshotTaken | CutTaken, values: NDArray[np.uint8]) -> None:
    if isinstance(seen, SnapshotTaken):
        live.put(seen.view.z, (seen.view.y0, seen.view.x0), values)
    else:
        live.put_cut((seen.view.z0, seen.view.z1), seen.sections, seen.corner_yx, values)


def add_stack(viewer: Viewer, path: str) -> Image:
    """Open a stack of any format as a lazy image layer, in nm where the file tells the voxel size.

    Raises
    ------
    InputError
        If the file can't be read.
    """
    from napari_em_autoclass.io import open_volume

    try:
        return add_volume(viewer, open_volume(path))
    except MissingVoxelSize:
        return add_volume(viewer, open_volume(path, voxel_size_nm=(1.0, 1.0, 1.0)), in_nm=False)


def add_volume(viewer: Viewer, volume: Volume, in_nm: bool = True) -> Image:
    """Show a volume as a lazy image layer, without reading more than the middle of one section of it."""
    middle = volume.read(_middle_box(volume))
    low, high = (float(limit) for limit in np.percentile(middle, (0.5, 99.5)))
    placed: dict[str, Any] = {"scale": volume.voxel_size_nm, "units": ("nm",) * 3} if in_nm else {}
    # Limits from one section: napari would read far more of the stack to find them.
    limits = (low, max(high, low + 1e-6))
    placed["metadata"] = {SOURCE: volume.source}
    layer = Image(volume.data, name=volume.name, rgb=False, multiscale=False, contrast_limits=limits, **placed)
    viewer.add_layer(layer)
    return layer


def _middle_box(volume: Volume) -> Box:
    depth, height, width = volume.shape_zyx
    y, x = (max(0, (n - _LIMITS_PX) // 2) for n in (height, width))
    return Box(depth // 2, depth // 2 + 1, y, min(y + _LIMITS_PX, height), x, min(x + _LIMITS_PX, width))
