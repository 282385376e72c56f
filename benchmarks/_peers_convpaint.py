"""Convpaint's k-means of features; run with the Python of its environment.

    PYTHON benchmarks/_peers_convpaint.py STACK.npy OUT.npy K [--features gaussian_features|vgg16]

It is what *Unsupervised extraction (without annotations)* of its window calls, for the whole stack:
``ConvpaintModel.get_feature_image`` with K clusters. Its own features (``vgg16``) are those of a network whose weights
are downloaded at first use; where they lie on disk they are used, and else this says so. ``gaussian_features`` needs
none; it is given the largest of the pyramids its window offers.

STACK is (Z, Y, X) float32, OUT (Z, Y, X) uint8 from 1. The last line printed is what it took, as JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import types
from pathlib import Path

# The plugin is made of widgets, and imports them wherever it is used.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np

_PYRAMID = [1, 2, 4, 8]
# Where it looks for them, and what it calls them.
_WEIGHTS = Path("~/.cache/torch/hub/checkpoints/vgg16-397923af.pth")


def main() -> None:
    """Write the class map and tell what it took."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("n_classes", type=int)
    parser.add_argument("--features", choices=["gaussian_features", "vgg16"], default="gaussian_features")
    args = parser.parse_args()
    if args.features == "vgg16":
        _check_weights()
    if importlib.util.find_spec("torchvision") is None:
        _leave_out_transformers()
    from napari_convpaint.convpaint_model import ConvpaintModel

    model = ConvpaintModel(fe_name=args.features, fe_scalings=_PYRAMID)
    found = model.get_feature_image(np.load(args.stack), kmeans_clusters=args.n_classes)
    np.save(args.out, np.asarray(found, dtype=np.uint8))
    print(json.dumps({"steps": None, "train_s": None}))


def _leave_out_transformers() -> None:
    """Let it find its features without torchvision: it imports all of them at once, and these can't do without."""
    for module, feature_extractor in (("dino_jafar", "DinoJafarFeatures"), ("dinov3", "Dinov3Features")):
        name = f"napari_convpaint.feature_extractors.{module}"
        sys.modules[name] = types.ModuleType(name)
        setattr(sys.modules[name], feature_extractor, type(feature_extractor, (), {}))


def _check_weights() -> None:
    """Stop where the features' weights aren't: to fetch hundreds of megabytes unasked is no benchmark's business."""
    if importlib.util.find_spec("torchvision") is None:
        sys.exit("its VGG16 features need torchvision, which isn't installed")
    if not _WEIGHTS.expanduser().exists():
        sys.exit(f"its VGG16 features need weights that are downloaded, to {_WEIGHTS}")


if __name__ == "__main__":
    main()
