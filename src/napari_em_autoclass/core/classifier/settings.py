"""Settings of the classifier."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from napari_em_autoclass.core.heads import HeadKind
from napari_em_autoclass.core.settings import Nanometres, Settings

__all__ = ["ClassifierSettings"]

_MAX_CHANNELS = 2048  # half a gigabyte of weights


class ClassifierSettings(Settings):
    """Kind and size of the network, and of what it foretells."""

    backbone: Literal["unet2d", "unet25d", "filters", "vit", "frozen_vit", "sam"] = "unet2d"
    """The network: a U-Net that sees one section or three, the filters alone, or a transformer, trained or given."""
    width: int = Field(16, ge=4, le=256)
    """Channels of the network at full resolution; more is slower and finer."""
    depth: int = Field(4, ge=1, le=6)
    """Levels of the network; one more doubles how far around a pixel it looks."""
    n_features: int = Field(32, ge=4, le=512)
    """Numbers that describe a pixel before its class is chosen."""
    vit_name: str = Field("", pattern=r"^[a-z0-9_.]*$", max_length=100)
    """The transformer behind frozen_vit or sam, by its name in timm; empty takes a small DINOv2, or SAM's smallest."""
    weights_file: str = Field("", pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.\-]*\.safetensors)?$", max_length=200)
    """Its weights: the name of a .safetensors file in your folder of weights; empty takes the transformer's name."""
    n_textons: int = Field(64, ge=2, le=254)
    """Textures told apart in the neighbouring sections that are to be foretold."""
    filter_scales_nm: tuple[Nanometres, ...] = Field((8.0, 16.0, 32.0, 64.0), min_length=1, max_length=8)
    """Scales of the filters whose clusters are the textures."""
    forecast_share: float = Field(0.5, ge=0, le=1, json_schema_extra={"step": 0.05})
    """How much the forecasts count beside the features when pixels are sorted into classes."""
    filter_share: float = Field(0.5, ge=0, le=1, json_schema_extra={"step": 0.05})
    """How much the fixed filters count among the features, beside those that are learned."""
    smoothing_nm: float = Field(32.0, ge=0, le=1000, json_schema_extra={"step": 8.0, "unit": "nm"})
    """How far pixels that mean much the same are averaged before classes are made; 0 averages nothing."""
    head: HeadKind = "linear"
    """How classes are told apart: freely, by direction alone, or by centres that adapt to each tile while training."""
    head_temperature: float = Field(0.1, ge=0.01, le=1, json_schema_extra={"step": 0.01})
    """How decided the heads cosine and guided_slots are; smaller is more decided."""
    slot_iterations: int = Field(1, ge=1, le=3)
    """Rounds in which the heads slots and guided_slots adapt to a tile."""

    @model_validator(mode="after")
    def _fits_into_memory(self) -> ClassifierSettings:
        widest = self.width * 2 ** (self.depth - 1)
        if self.backbone in ("unet2d", "unet25d") and widest > _MAX_CHANNELS:
            raise ValueError(
                f"{widest} channels at the coarsest level are more than {_MAX_CHANNELS}; "
                "choose a smaller width or depth"
            )
        return self

    @property
    def context(self) -> int:
        """Sections above and below that the network sees beside the one it classifies."""
        return 1 if self.backbone == "unet25d" else 0
