"""Settings of the predictor."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_em_autoclass.core.settings import Settings

__all__ = ["PredictorSettings"]


class PredictorSettings(Settings):
    """Kind and size of the predictor."""

    kind: Literal["conv", "local_attention", "transformer", "neighbour_mean"] = "conv"
    """How a section is foretold: by filters, by finding each pixel's place, by the whole tile, or by the plain mean."""
    width: int = Field(48, ge=4, le=256)
    """Channels inside the predictor."""
    window_px: Literal[3, 5] = 3
    """Side of the square in which local attention looks for a pixel, in pairs of pixels; 5 allows for more shift."""
    reads: Literal["teacher", "student"] = "teacher"
    """Whose class maps of the neighbours are read: the steady teacher's, or the network's own (which moves too)."""
