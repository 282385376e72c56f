"""What a run folder says of the volumes that the run was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeInt

from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.settings import Settings
from napari_em_autoclass.core.volume import fingerprint

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import Volume

__all__ = ["FurtherRecord", "VolumeRecord"]


class VolumeRecord(Settings):
    """What the run was trained on, enough to recognise it and to rebuild the networks' sizes."""

    name: str
    source: str
    shape_zyx: tuple[int, int, int]
    dtype: str
    voxel_size_nm: tuple[float, float, float]
    fingerprint: str

    @classmethod
    def of(cls, volume: Volume) -> VolumeRecord:
        """Return the record of `volume`."""
        known = {name: getattr(volume, name) for name in ("name", "source", "shape_zyx", "voxel_size_nm")}
        return cls(dtype=volume.dtype.str, fingerprint=fingerprint(volume), **known)


class FurtherRecord(Settings):
    """A volume that was learned from beside the first one."""

    volume: VolumeRecord
    normalisation: Normalisation
    """As fitted on it."""
    skip_sections: tuple[NonNegativeInt, ...] = ()
    """Damaged sections that nothing is learned from."""
