"""How many tiles fit into the memory of the device: found by running out of it, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.device import Device
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["TileLimit"]


class TileLimit:
    """The most tiles a step may have on `device`; without limit until `halve` was called."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._most: int | None = None

    @property
    def most(self) -> int | None:
        """The most tiles a step may have, None while there is no limit."""
        return self._most

    def within(self, settings: RunSettings) -> RunSettings:
        """Return `settings` with no more tiles per step than fit."""
        if self._most is None or settings.training.tiles_per_step <= self._most:
            return settings
        return settings.replace(training=settings.training.replace(tiles_per_step=self._most))

    def halve(self, settings: RunSettings) -> str:
        """Allow half as many tiles from now on, and return a sentence that says so.

        Raises
        ------
        InputError
            If even one tile did not fit.
        """
        tiles = self.within(settings).training.tiles_per_step
        if tiles == 1:
            raise InputError(
                f"the memory of {self._device.name} is too small even for one tile; "
                "choose smaller tiles (tiles.size_px), a narrower network (classifier.width), or device cpu"
            )
        self._most = tiles // 2
        if self._device.name == "cuda":
            torch.cuda.empty_cache()
        return f"The memory of {self._device.name} was short; going on with {tiles // 2} tiles per step."
