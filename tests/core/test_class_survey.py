"""A look over the stack finds what a whole prediction finds, and patches of each class."""

from __future__ import annotations

import numpy as np
from models import network_of

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.class_survey import survey
from napari_em_autoclass.core.predict import predict_blocks
from napari_em_autoclass.core.splitting import find_parts


def test_shares_are_near_those_of_the_whole_and_exemplars_lie_in_their_class(volume, fast_settings) -> None:
    model = network_of(volume, fast_settings)
    told: list[float] = []
    found = survey(model, volume, report=told.append)
    whole = np.zeros(volume.shape_zyx, np.uint8)
    for block in predict_blocks(model, volume):
        whole[block.box.slices] = block.classes
    shares = np.bincount(whole.ravel(), minlength=5)[1:] / whole.size
    np.testing.assert_allclose(found.statistics.shares(), shares, atol=0.05)
    assert {e.id for e in found.exemplars} == set(np.unique(whole).tolist())
    for exemplar in found.exemplars:
        assert whole[exemplar.place_zyx] == exemplar.id
        assert exemplar.patch.dtype == np.uint8
        assert exemplar.patch.ndim == 2
    typical, unclear = found.of_row(ClassMap.fresh(4), 1, 2)
    assert 1 <= len(typical) <= 2
    assert typical[0].score >= unclear[0].score
    assert found.statistics.of_row(ClassMap.fresh(4), 1).entropy_bits is not None
    assert told[-1] == 1.0


def test_parts_are_looked_at_by_themselves(volume, fast_settings) -> None:
    model = network_of(volume, fast_settings)
    class_map = with_split(ClassMap.fresh(4), find_parts(model, volume, (2, 2)))
    before, after = survey(model, volume).statistics, survey(model, volume, class_map.splits).statistics
    assert after.voxels[2] == 0
    assert after.voxels[5] + after.voxels[6] == before.voxels[2]
    assert after.of_row(class_map, 5).entropy_bits is not None
    np.testing.assert_array_equal(after.voxels[[1, 3, 4]], before.voxels[[1, 3, 4]])
