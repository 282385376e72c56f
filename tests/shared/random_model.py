"""Networks of any kind with random weights, and a stack for them; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

import torch
from tiny_run import K, tiny_settings

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.exported_model import ExportedModel
from napari_em_autoclass.core.model import Model, empty_classifiers, fingerprint
from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Volume

# Every kind of network that can leave the house, and every head on one of them; "" has no head: the first sketch.
KINDS = (
    *(("unet2d", "linear"), ("unet25d", "linear"), ("filters", "linear"), ("vit", "linear")),
    *(("unet2d", "cosine"), ("unet2d", "slots"), ("unet2d", "guided_slots"), ("filters", "")),
)


def random_volume(side: int = 160) -> Volume:
    """Return three sections of a phantom of 50 x 4 x 4 nm."""
    phantom = make_phantom((3, side, side), "sstem", seed=1)
    return Volume(phantom.raw, phantom.voxel_size_nm, "phantom")


def random_model(volume: Volume, settings: RunSettings, *, is_sketch: bool = False) -> Model:
    """Return a model as a run on `volume` would leave it, with random weights, norms and slots."""
    torch.manual_seed(0)
    empty = empty_classifiers(settings, volume.voxel_size_nm, volume.shape_zyx[0])
    classifier = empty["sketch" if is_sketch else "student"]
    for name, tensor in classifier.state_dict().items():
        if isinstance(classifier, FilterClassifier) and name == "centres":
            tensor.copy_(0.1 * torch.randn(tensor.shape))
        elif name.endswith(("running_mean", "head.shift", "place")):
            tensor.copy_(0.3 * torch.randn(tensor.shape))
        elif name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape))
    if not is_sketch:
        classifier.head.weight.data *= 4  # classes that are told apart
    fitted = fit_normalisation(volume, settings.normalisation)
    return Model(settings, classifier.eval(), "done", fitted, fingerprint(volume), weights="student@3")


def exported_of(backbone: str, head: str, *changes: str, volume: Volume | None = None) -> ExportedModel:
    """Return the network of one of `KINDS` as it is exported."""
    volume = volume or random_volume()
    return ExportedModel(model_of(backbone, head, *changes, volume=volume), volume.voxel_size_nm, ClassMap.fresh(K))


def model_of(backbone: str, head: str, *changes: str, volume: Volume) -> Model:
    """Return a random model of one of `KINDS`; a transformer of one layer, so that its surroundings are small."""
    own = [f"classifier.backbone={backbone}", "normalisation.per_section=false"]
    own += [f"classifier.head={head}"] if head else []
    own += ["classifier.depth=1"] if backbone == "vit" else []
    return random_model(volume, tiny_settings(*own, *changes), is_sketch=not head)
