"""Which network describes the pixels.

All share ``forward(image (N, C, H, W)) -> features (N, D, H, W)``, ``stride``, ``radius_px`` and ``context``: C is
``2 * context + 1`` sections, the one to describe in the middle.  ``forward(image, margin)`` leaves out a margin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_em_autoclass.core.classifier.filter_backbone import FilterBackbone
from napari_em_autoclass.core.classifier.frozen_vit import FrozenViT
from napari_em_autoclass.core.classifier.unet2d import UNet2d
from napari_em_autoclass.core.classifier.vit import ViT

if TYPE_CHECKING:
    from napari_em_autoclass.core.classifier.settings import ClassifierSettings

__all__ = ["Backbone", "make_backbone"]

Backbone = UNet2d | FilterBackbone | ViT | FrozenViT


def make_backbone(settings: ClassifierSettings, sigmas_px: tuple[float, ...]) -> Backbone:
    """Return an untrained network of the kind that `settings` ask for.

    Parameters
    ----------
    settings : kind and sizes
    sigmas_px : scales of the filters, working pixels; for the kind "filters"

    Raises
    ------
    InputError
        If it needs weights or a package that aren't there.
    """
    if settings.backbone == "filters":
        return FilterBackbone(sigmas_px, settings.n_features)
    if settings.backbone == "vit":
        return ViT(4 * settings.width, settings.depth, settings.n_features)
    if settings.backbone in ("frozen_vit", "sam"):
        usual = "samvit_base_patch16" if settings.backbone == "sam" else "vit_small_patch14_dinov2"
        name = settings.vit_name or usual
        return FrozenViT(name, settings.weights_file or f"{name}.safetensors", settings.n_features)
    return UNet2d(settings.width, settings.depth, settings.n_features, 2 * settings.context + 1)
