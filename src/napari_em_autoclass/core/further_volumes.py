"""Volumes that a run learns from beside its first one: each has its own normalisation, all have the same classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.model import fingerprint, working_volume
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.core.volume_record import FurtherRecord, VolumeRecord
from napari_em_autoclass.core.working import WorkingVolume, bin_factors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.run_settings import RunSettings
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Further", "FurtherVolumes", "as_recorded"]


@dataclass(frozen=True, slots=True)
class Further:
    """A volume to learn from beside the first, but for its damaged sections."""

    volume: Volume
    skip_sections: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FurtherVolumes:
    """The further volumes of a run, as they are learned from, and what the run folder says of them."""

    workings: tuple[WorkingVolume, ...] = ()
    records: tuple[FurtherRecord, ...] = ()

    @classmethod
    def of(cls, also: Sequence[Further], settings: RunSettings, folder: RunFolder | None) -> FurtherVolumes:
        """Return them behind the normalisations of `folder`, or behind new ones.

        Parameters
        ----------
        also : in the order of the folder's records
        settings : of the run
        folder : of a run that is resumed; None for a new one

        Raises
        ------
        InputError
            If one can't be learned from, or `settings` has a region: that is a box of one volume.
        """
        if also and settings.region is not None:
            raise InputError("a region is a box of one volume; with several leave it out, or cut out what is wanted")
        workings, records = [], []
        for i, one in enumerate(also):
            if folder is None:
                whole = working_volume(one.volume, settings)
                record = FurtherRecord(
                    volume=VolumeRecord.of(one.volume),
                    normalisation=whole.normalisation,
                    skip_sections=one.skip_sections,
                )
            else:
                record = folder.more[i]
                factors = bin_factors(one.volume.voxel_size_nm, settings.working_pixel_nm)
                whole = WorkingVolume(one.volume, record.normalisation, factors)
            workings.append(whole.part(Box.whole(one.volume.shape_zyx), record.skip_sections))
            records.append(record)
        return cls(tuple(workings), tuple(records))


def as_recorded(folder: RunFolder, volume: Volume, also: Sequence[Further]) -> tuple[Volume, tuple[Further, ...]]:
    """Return the volumes of a run that is resumed, in the order of its folder, whatever the order they are given in.

    Raises
    ------
    InputError
        If one is missing, or is none of the run's.
    """
    given = {fingerprint(one): one for one in (volume, *(further.volume for further in also))}
    records = [folder.volume, *(record.volume for record in folder.more)]
    known = {record.fingerprint for record in records}
    if missing := [record.name for record in records if record.fingerprint not in given]:
        several = f"{len(records)} volumes" if folder.more else "another volume"
        names = ", ".join(record.name for record in records)
        wanted = "that one" if not folder.more else f"all of them; missing: {', '.join(missing)}"
        raise InputError(f"{folder.path} was trained on {several} ({names}); resume with {wanted}")
    if strange := [one.name for found, one in given.items() if found not in known]:
        raise InputError(f"{folder.path} was not trained on {', '.join(strange)}; resume without, or train a new run")
    found = [given[record.fingerprint] for record in records]
    return found[0], tuple(Further(one) for one in found[1:])
