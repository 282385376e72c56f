"""What a run folder says of the volumes that the run was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeInt

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.settings import Settings
from napari_em_autoclass.core.volume import MAX_LENGTH, VOXEL_SIZES_NM, fingerprint

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import Volume

__all__ = ["FurtherRecord", "VolumeRecord"]

_Length = Annotated[int, Field(ge=1, le=MAX_LENGTH)]
_Nanometres = Annotated[float, Field(ge=VOXEL_SIZES_NM[0], le=VOXEL_SIZES_NM[1])]


class VolumeRecord(Settings):
    """What the run was trained on, enough to recognise it and to rebuild the networks' sizes."""

    name: str = Field(max_length=4096)
    source: str = Field(max_length=4096)
    shape_zyx: tuple[_Length, _Length, _Length]
    dtype: str = Field(max_length=16)
    voxel_size_nm: tuple[_Nanometres, _Nanometres, _Nanometres]
    fingerprint: str = Field(max_length=64)

    def check(self, normalisation: Normalisation) -> None:
        """Refuse a normalisation that was not fitted on this volume.

        Raises
        ------
        InputError
            If it is of another number of sections.
        """
        for told in (normalisation.section_centre, normalisation.section_spread):
            if len(told) != self.shape_zyx[0]:
                raise InputError(f"normalisation of {len(told)} sections for {self.shape_zyx[0]}")

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
