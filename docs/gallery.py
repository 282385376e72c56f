"""Draw the gallery: each mode of the phantom with its truth, the classes learned from it, and groups of them.

    python docs/gallery.py docs/images/gallery [--seconds 240] [--only sstem]

No pixel of a real stack is in it.  A picture is a row of panels of the middle section; what the run was is printed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np
from pictures import Panels, coloured, row_of

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_relations import relations_of_model
from napari_em_autoclass.core.events import StepDone, ViewRequest
from napari_em_autoclass.core.merge_tree import MergeTree
from napari_em_autoclass.core.phantom import Mode, make_phantom
from napari_em_autoclass.core.run_settings import apply_setting, load_recipe
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

_GROUPS = 6


def main() -> None:
    """Draw one picture for each mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--only", choices=get_args(Mode))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for mode in get_args(Mode):
        if options.only in (None, mode):
            _draw(mode, options.seconds, options.out / f"{mode}.jpg")


def _draw(mode: Mode, seconds: float, out: Path) -> None:
    phantom = make_phantom(mode=mode)
    volume = Volume(phantom.raw, phantom.voxel_size_nm, mode)
    settings = apply_setting(load_recipe("neighbour-forecast"), f"training.seconds={seconds}")
    with tempfile.TemporaryDirectory() as folder:
        events = list(Trainer(volume, settings, run_dir=Path(folder)).events())
        model = RunFolder.open(Path(folder)).model()
    depth, height, width = volume.shape_zyx
    z = depth // 2
    classes = model.classify(model.working(volume), ViewRequest(z, 0, height, 0, width)).classes
    lookup = np.arange(settings.n_classes + 1)
    for group in MergeTree.of(relations_of_model(model, volume)).cut(_GROUPS):
        lookup[list(group)] = group[0]
    grey = phantom.raw[z]
    panels: Panels = {
        f"{mode}, section {z}": np.repeat(grey[..., None], 3, axis=2),
        f"{settings.n_classes} classes, learned": coloured(classes, grey),
        f"{_GROUPS} groups, suggested": coloured(lookup[classes], grey),
        "truth": coloured(phantom.labels[z], grey),
    }
    row_of(panels).save(out, quality=80, optimize=True)
    n_steps = sum(isinstance(event, StepDone) for event in events)
    size = " × ".join(f"{length:g}" for length in phantom.voxel_size_nm)
    print(f"{out}: {depth} × {height} × {width} voxels of {size} nm, {n_steps} steps in {seconds:g} s", flush=True)


if __name__ == "__main__":
    main()
