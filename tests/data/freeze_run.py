"""Make a frozen run of the present schema, for `tests/core/test_frozen_runs.py`.

    python tests/data/freeze_run.py tests/data/frozen_runs/v3

Once per schema version, by the last commit that writes it.  A frozen run is never made again: that old runs open is
what it is for.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.run_settings import apply_setting, load_recipe
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

_SMALLEST = (
    *("n_classes=4", "device=cpu", "training.steps=40", "training.threads=1", "training.tiles_per_step=2"),
    *("tiles.size_px=32", "tiles.region_px=32", "classifier.width=4", "classifier.depth=2"),
    *("classifier.n_features=8", "classifier.n_textons=8", "predictor.width=4"),
)
_SECTION = 2


def main(path: Path) -> None:
    """Train the smallest run, name and merge some classes, and store what a section looks like to it."""
    phantom = make_phantom((5, 64, 64), "sstem", seed=0)
    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom", "made up")
    settings = load_recipe("neighbour-forecast")
    for change in _SMALLEST:
        settings = apply_setting(settings, change)
    for _ in Trainer(volume, settings, run_dir=path).events():
        pass
    folder = RunFolder.open(path)
    history = folder.history.do(folder.history.present.rename(1, "cytoplasm"))
    folder.save_history(history.do(history.present.merge([2, 4], name="mitochondria")))
    model = folder.model()
    found = model.classify(model.working(volume), ViewRequest(_SECTION, 0, 64, 0, 64))
    np.savez_compressed(
        path / "expected.npz", raw=phantom.raw, voxel_size_nm=phantom.voxel_size_nm, z=_SECTION, classes=found.classes
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
