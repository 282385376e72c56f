from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.volume import Volume, fingerprint
from napari_em_autoclass.core.volume_record import FurtherRecord, VolumeRecord

DATA = np.random.default_rng(0).integers(0, 256, (4, 40, 50), dtype=np.uint8)
VOLUME = Volume(DATA, (40, 4, 4), "mine", "/data/mine.tif")


def test_a_record_tells_one_volume_from_others() -> None:
    record = VolumeRecord.of(VOLUME)
    assert (record.name, record.source, record.shape_zyx, record.dtype) == (
        "mine",
        "/data/mine.tif",
        (4, 40, 50),
        "|u1",
    )
    assert record.fingerprint == fingerprint(VOLUME) != VolumeRecord.of(Volume(DATA + 1, (40, 4, 4))).fingerprint


def test_a_further_volume_survives_json() -> None:
    record = FurtherRecord(
        volume=VolumeRecord.of(VOLUME), normalisation=fit_normalisation(VOLUME), skip_sections=(1, 3)
    )
    assert FurtherRecord.model_validate_json(record.model_dump_json()) == record
    with pytest.raises(InputError, match="skip_sections"):
        record.replace(skip_sections=(-1,))
