"""WNet3D of napari-cellseg3d, trained from scratch by its own worker; run with the Python of its environment.

    PYTHON benchmarks/_peers_wnet3d.py STACK.npy OUT.npy K SECONDS [--patch 32]

Model, losses (soft normalised cut and reconstruction), augmentation, optimiser and their defaults are the plugin's own,
``WNetTrainingWorker`` driven as its window drives it, and ended when the time is up. Three things differ: K classes
(the window offers 2 to 4, its settings take any number), cubes of `patch` voxels, and no pretrained weights, since
those have to be downloaded. The map is made as the plugin makes it, by windows that overlap, of the patch's size, and
the class of a voxel is the most probable one rather than a threshold on one class.

STACK is (Z, Y, X) float32, OUT (Z, Y, X) uint8 from 1. The last line printed is what it took, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

# The plugin is made of widgets, and imports them wherever it is used.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from napari_cellseg3d import config
from napari_cellseg3d.code_models.models.model_WNet import WNet_
from napari_cellseg3d.code_models.worker_training import WNetTrainingWorker
from napari_cellseg3d.utils import correct_rotation

# As its worker does when it looks at a volume during training.
_OVERLAP, _SIGMA_SCALE = 0.1, 0.01
_FOREVER = 10**6


def main() -> None:
    """Write the class map and tell what it took."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("n_classes", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--patch", type=int, default=32, help="side of the cubes to learn from, in voxels")
    args = parser.parse_args()
    start = time.perf_counter()
    weights, steps = trained(args)
    learned_s = time.perf_counter() - start
    np.save(args.out, classified(weights, args))
    print(json.dumps({"steps": steps, "train_s": round(learned_s, 1)}))


def trained(args: argparse.Namespace) -> tuple[dict[str, torch.Tensor], int]:
    """Return the weights after so many seconds, and the number of updates."""
    with tempfile.TemporaryDirectory() as folder:
        # As it reads a TIFF: (X, Y, Z), which it makes (Y, X, Z).
        turned = Path(folder) / "turned.npy"
        np.save(turned, correct_rotation(np.load(args.stack)))
        wishes = config.WNetTrainingWorkerConfig(
            num_classes=args.n_classes,
            sampling=True,
            sample_size=[args.patch] * 3,
            max_epochs=_FOREVER,
            num_workers=0,
            results_path_folder=folder,
            train_data_dict=[{"image": str(turned)}],
        )
        start, steps, weights = time.perf_counter(), 0, {}
        reports = WNetTrainingWorker(wishes).train()
        for report in reports:
            # It reports each step, and each epoch once more with pictures.
            if not report.show_plot:
                steps, weights = steps + 1, report.weights
                if time.perf_counter() - start >= args.seconds:
                    break
        reports.close()
    return weights, steps


@torch.no_grad()
def classified(weights: dict[str, torch.Tensor], args: argparse.Namespace) -> Any:
    """Return the class map (Z, Y, X) uint8."""
    model = WNet_(in_channels=1, out_channels=args.n_classes)
    model.load_state_dict(weights)  # it drops the decoder's
    image = torch.from_numpy(np.ascontiguousarray(correct_rotation(np.load(args.stack))))[None, None]
    logits = sliding_window_inference(
        image,
        roi_size=[args.patch] * 3,
        sw_batch_size=1,
        predictor=model.eval(),
        overlap=_OVERLAP,
        mode="gaussian",
        sigma_scale=_SIGMA_SCALE,
    )
    return correct_rotation((logits[0].argmax(dim=0) + 1).numpy().astype(np.uint8))


if __name__ == "__main__":
    main()
