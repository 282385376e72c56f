"""Draw the picture of the explanation page from a run on the phantom.

    em-autoclass phantom phantom.ome.tif
    em-autoclass train phantom.ome.tif --out run --seconds 90
    python docs/pictures.py run phantom.ome.tif docs/images/method_steps.jpg

Five panels of one section: the image, the first sketch, the 20 classes, 5 groups suggested by the program, the truth.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_relations import relations_of_model
from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.merge_tree import MergeTree
from napari_em_autoclass.core.model import empty_classifiers, load_weights
from napari_em_autoclass.core.palette import default_colors
from napari_em_autoclass.core.snapshot import classify_view
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIDE, _GAP, _HEAD = 320, 8, 26

Panels = dict[str, "NDArray[np.uint8]"]
"""Pictures (Y, X, 3) by what is written above them."""


def main(run: Path, stack: Path, out: Path) -> None:
    """Draw the panels side by side."""
    volume = open_volume(stack)
    truth = open_volume(stack.with_name(stack.name.replace(".ome.tif", "_labels.ome.tif")))
    folder = RunFolder.open(run)
    model = folder.model()
    working = model.working(volume)
    depth, height, width = volume.shape_zyx
    view = ViewRequest(depth // 3, 0, min(height, _SIDE), 0, min(width, _SIDE))
    sketch = empty_classifiers(model.settings, volume.voxel_size_nm, depth)["sketch"].eval()
    assert isinstance(sketch, FilterClassifier)
    load_weights(sketch, folder.load_weights()[0], "sketch")
    n = model.settings.n_classes
    classes = model.classify(working, view).classes
    groups = MergeTree.of(relations_of_model(model, volume)).cut(5)
    lookup = np.arange(n + 1)
    for group in groups:
        lookup[list(group)] = group[0]
    section = (slice(view.y0, view.y1), slice(view.x0, view.x1))
    grey = np.asarray(volume.data[view.z : view.z + 1, section[0], section[1]])[0]
    panels = {
        "one section": np.repeat(grey[..., None], 3, axis=2),
        "first sketch, after seconds": coloured(classify_view(sketch, working, n, view).classes, grey),
        f"{n} classes, learned": coloured(classes, grey),
        "5 groups, suggested": coloured(lookup[classes], grey),
        "truth": coloured(np.asarray(truth.data[view.z : view.z + 1, section[0], section[1]])[0], grey),
    }
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    row_of(panels).save(out, quality=80, optimize=True)


def coloured(ids: NDArray[np.integer], grey: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return class ids (Y, X) as colours over grey values (Y, X), (Y, X, 3)."""
    colors = [(0, 0, 0), *(ImageColor.getrgb(color) for color in default_colors(254))]
    painted = np.array(colors)[ids] * 0.7 + grey[..., None] * 0.3
    return painted.astype(np.uint8)


def row_of(panels: Panels) -> Image.Image:
    """Return panels of (Y, X, 3) side by side, each below its name."""
    picture = Image.new("RGB", (len(panels) * (_SIDE + _GAP) - _GAP, _SIDE + _HEAD), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    for i, (name, pixels) in enumerate(panels.items()):
        shown = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        picture.paste(shown, (i * (_SIDE + _GAP), _HEAD))
        draw.text((i * (_SIDE + _GAP), 4), name, fill="black", font=font)
    return picture


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
