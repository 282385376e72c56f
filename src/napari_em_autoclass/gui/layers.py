"""The only module that adds, changes or removes layers, and only those it made.

The class layer always holds the K classes as learned; merges, names and eyes are a matter of its colours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from superqt.utils import qthrottled

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import MissingVoxelSize
from napari_em_autoclass.core.events import SnapshotTaken
from napari_em_autoclass.core.split import Split
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.class_colors import LabelsLook, label_colors, towards, whole_classes
from napari_em_autoclass.gui.comparison import ComparedMap
from napari_em_autoclass.gui.live_map import LiveMap, added
from napari_em_autoclass.gui.source import OURS, SOURCE, transform_of
from napari_em_autoclass.gui.teaching import TaughtMap
from napari_em_autoclass.gui.viewpoint import in_units_of

__all__ = ["ClassLayers", "ComparedLayer", "TaughtLayer", "add_stack", "add_volume", "label_colors"]

_CLASS_OPACITY = 0.5
_COMPARED_OPACITY = 0.6
_THUMBNAIL_S = 3.0


class ClassLayers:
    """The class map and the probabilities of one stack, as layers of `viewer`.

    A layer the user deletes stays away until the next run; everything else goes on.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._source: Image | None = None
        self._classes: Labels | None = None
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

    def show(self, source: Image, class_map: ClassMap) -> None:
        """Lay an empty class map on `source`, in place of the one that was there."""
        self.remove()
        self._source, self._class_map = source, class_map
        shape = (source.data[0] if source.multiscale else source.data).shape
        self._map, self._sure = (LiveMap((int(shape[0]), int(shape[1]), int(shape[2]))) for _ in range(2))
        self._classes = Labels(
            self._map,
            name=f"classes · {source.name}",
            colormap=label_colors(class_map),
            opacity=_CLASS_OPACITY,
            multiscale=False,
            metadata={OURS: "classes"},
            **transform_of(source),
        )
        self._add(self._classes)
        self._classes.editable = False  # painting would change what was learned

    def put(self, snapshot: SnapshotTaken) -> None:
        """Show a snapshot at its place; costs a redraw at most every 80 ms."""
        view, corner = snapshot.view, (snapshot.view.y0, snapshot.view.x0)
        if self._map is not None:
            # An answer from before a split, or before it was taken back, shows whole classes.
            is_new = self._class_map is None or view.splits in ((), self._parts())
            classes = snapshot.classes if is_new else whole_classes(view.splits)[snapshot.classes]
            self._map.put(view.z, corner, classes)
        if self._sure is not None:
            self._sure.put(view.z, corner, snapshot.confidence)
        known = dict(snapshot.probs)
        for shown_id, (_, live) in self._probs.items():
            found = [known[i] for i in self._members(shown_id) if i in known]
            if found:
                live.put(view.z, corner, added(found))
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
        """Add or remove the layer with the probability of a class or group."""
        if not on and shown_id in self._probs:
            self._viewer.layers.remove(self._probs[shown_id][0])
        if not on or shown_id in self._probs or self._source is None or self._map is None or self._class_map is None:
            return
        live = LiveMap(self._map.shape, budget_bytes=32 * 2**20)
        layer = Image(
            live,
            name=self._probability_name(shown_id),
            colormap=towards(self._class_map.color_of(shown_id)),
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
        z, y, x = (int(i) for i in np.round(layer.world_to_data(in_units_of(layer, self._viewer, position))))
        if not all(0 <= i < n for i, n in zip((z, y, x), live.shape, strict=True)) or not live[z, y, x]:
            return None
        return (z, y, x), int(live[z, y, x]), float(sure[z, y, x]) / 255

    def describe(self, table: Mapping[str, Sequence[object]]) -> None:
        """Give the class layer a table with a row per id, its column "index" (napari shows it in the status bar)."""
        if self._classes is not None:
            self._look.describe(self._classes, table)

    def remove(self) -> None:
        """Take all our layers away."""
        layers = [layer for layer, _ in self._probs.values()] + ([self._classes] if self._classes else [])
        for layer in layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._classes = self._map = self._source = None
        self._probs.clear()

    def close(self) -> None:
        """Let go of the viewer; the layers stay as they are."""
        self._refresh.cancel()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _add(self, layer: Layer) -> None:
        selected = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        # napari selects what is added; what the user had selected stays selected.
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active

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
        if gone == self._classes:
            self._classes = None
        self._probs = {shown_id: pair for shown_id, pair in self._probs.items() if pair[0] != gone}

    def _parts(self) -> tuple[Split, ...]:
        return tuple(split.bare() for split in self._class_map.splits) if self._class_map else ()

    def _members(self, shown_id: int) -> tuple[int, ...]:
        return self._class_map.members(shown_id) if self._class_map else (shown_id,)

    def _probability_name(self, shown_id: int) -> str:
        name = self._class_map.name_of(shown_id) if self._class_map else str(shown_id)
        return f"p({name}) · {self._source.name if self._source else ''}"


class ComparedLayer:
    """The class map of one section by one of several recipes, as a layer of `viewer`: one at a time."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None

    def show(self, source: Image, compared: ComparedMap) -> None:
        """Lay the map on `source`, in place of the one before, and go to its section."""
        shape = (source.data[0] if source.multiscale else source.data).shape
        live = LiveMap((int(shape[0]), int(shape[1]), int(shape[2])))
        live.put(compared.z, compared.corner_yx, compared.classes)
        name = f"{compared.title} · {source.name}"
        if self._layer is None or self._layer not in self._viewer.layers:
            colors = label_colors(ClassMap.fresh(compared.n_classes))
            look: dict[str, Any] = {"colormap": colors, "opacity": _COMPARED_OPACITY, "multiscale": False}
            self._layer = Labels(live, metadata={OURS: "compared"}, **look, **transform_of(source))
            self._viewer.add_layer(self._layer)
            self._layer.editable = False
        else:
            self._layer.data = live
            self._layer.colormap = label_colors(ClassMap.fresh(compared.n_classes))
        self._layer.name = name
        self._layer.visible = True
        place = np.array(source.data_to_world((compared.z, *compared.corner_yx)))
        self._viewer.dims.set_point(0, float(place[0]))


class TaughtLayer:
    """What was found of what somebody painted, as a layer of `viewer` in the colours of the paint."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None

    def show(self, painted: Labels, taught: TaughtMap) -> None:
        """Lay the map under the paint, in place of the one before; other layers stay as they are."""
        shape = painted.data.shape
        live = LiveMap((int(shape[0]), int(shape[1]), int(shape[2])))
        for z, classes in taught.sections:
            live.put(z, (0, 0), classes)
        colors: dict[int | None, Any] = {None: (0.0, 0.0, 0.0, 0.0), 0: (0.0, 0.0, 0.0, 0.0)}
        colors |= {kind: painted.get_color(kind) for kind in taught.ids}
        if self._layer is not None and self._layer in self._viewer.layers:
            self._layer.data = live
            self._layer.colormap = DirectLabelColormap(color_dict=colors)
            return
        look: dict[str, Any] = {"colormap": DirectLabelColormap(color_dict=colors), "opacity": _CLASS_OPACITY}
        self._layer = Labels(
            live,
            name=f"found · {painted.name}",
            multiscale=False,
            metadata={OURS: "taught"},
            **look,
            **transform_of(painted),
        )
        active = self._viewer.layers.selection.active
        self._viewer.layers.insert(self._viewer.layers.index(painted), self._layer)
        self._layer.editable = False
        self._viewer.layers.selection.active = active  # the painter goes on painting


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
    """Show a volume as a lazy image layer, without reading more than one section of it."""
    middle = volume.section(volume.shape_zyx[0] // 2)
    low, high = (float(limit) for limit in np.percentile(middle, (0.5, 99.5)))
    placed: dict[str, Any] = {"scale": volume.voxel_size_nm, "units": ("nm",) * 3} if in_nm else {}
    # Limits from one section: napari would read far more of the stack to find them.
    limits = (low, max(high, low + 1e-6))
    placed["metadata"] = {SOURCE: volume.source}
    layer = Image(volume.data, name=volume.name, rgb=False, multiscale=False, contrast_limits=limits, **placed)
    viewer.add_layer(layer)
    return layer
