from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from napari_em_autoclass.core.phantom.cells import GLIA
from napari_em_autoclass.core.phantom.tissue import Tissue


def test_synapses_join_two_neurites_and_keep_their_distance(tissue: Tissue) -> None:
    assert len(tissue.synapses) >= 2
    for synapse in tissue.synapses:
        assert synapse.pre != synapse.post
        assert GLIA < synapse.post <= tissue.cells.n_neurites
    centres = np.array([synapse.centre_nm for synapse in tissue.synapses])
    assert len(cKDTree(centres).query_pairs(400.0)) == 0


def test_the_cloud_lies_on_the_sending_side(tissue: Tissue) -> None:
    clouds = np.array([synapse.cloud_nm for synapse in tissue.synapses])
    at_home = tissue.cells.owner_at(clouds) == [synapse.pre for synapse in tissue.synapses]
    assert at_home.mean() > 0.7


def test_vesicles_are_sorted_apart_and_inside_neurites(tissue: Tissue) -> None:
    assert len(tissue.vesicles_nm) > 100
    assert (np.diff(tissue.vesicles_nm[:, 0]) >= 0).all()
    assert len(cKDTree(tissue.vesicles_nm).query_pairs(44.0)) == 0
    assert (tissue.cells.owner_at(tissue.vesicles_nm) != GLIA).all()


def test_vesicles_keep_out_of_mitochondria(tissue: Tissue) -> None:
    for body in tissue.mitochondria:
        mine = tissue.cells.owner_at(tissue.vesicles_nm) == body.cell
        assert not body.covers(tissue.vesicles_nm[mine], 15.0).any()


def test_vesicles_crowd_in_the_clouds(tissue: Tissue) -> None:
    tree = cKDTree(tissue.vesicles_nm)
    inside = [len(tree.query_ball_point(synapse.cloud_nm, 120.0)) for synapse in tissue.synapses]
    anywhere = len(tissue.vesicles_nm) * (4 / 3 * np.pi * 120.0**3) / float(np.prod(tissue.bounds.size_nm))
    assert np.median(inside) > 4 * anywhere


def test_microtubules_run_through_axons(tissue: Tissue) -> None:
    assert (np.diff(tissue.microtubules_nm[:, 0]) >= 0).all()
    in_axon = tissue.microtubule_cell == tissue.cells.n_neurites + 1
    owners = tissue.cells.owner_at(tissue.microtubules_nm[in_axon])
    assert (owners == tissue.cells.n_neurites + 1).mean() > 0.99
