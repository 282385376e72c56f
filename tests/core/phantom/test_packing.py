from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.phantom.anatomy import INSECT, VERTEBRATE
from napari_em_autoclass.core.phantom.fields import Bounds
from napari_em_autoclass.core.phantom.packing import lay_axons, pack_neurites

BOUNDS = Bounds((0.0, 0.0, 0.0), (700.0, 1300.0, 1300.0))


def test_neurites_are_chains_of_neighbouring_spheres_inside_the_box(rng: np.random.Generator) -> None:
    neurites = pack_neurites(BOUNDS, lay_axons(BOUNDS, rng), rng)
    assert (np.diff(neurites.owner) >= 0).all()
    assert (neurites.points_nm >= BOUNDS.low_nm).all()
    assert (neurites.points_nm <= BOUNDS.high_nm).all()
    step = np.linalg.norm(np.diff(neurites.points_nm, axis=0), axis=1)
    same = np.diff(neurites.owner) == 0
    assert (step[same] < 2 * neurites.radii_nm[:-1][same]).all()


def test_neurites_come_in_many_calibres_and_fill_much_of_the_box(rng: np.random.Generator) -> None:
    neurites = pack_neurites(BOUNDS, (), rng)
    assert len(np.unique(neurites.owner)) > 20
    assert neurites.radii_nm.max() > 4 * neurites.radii_nm.min()


def test_spheres_of_different_neurites_hardly_overlap(rng: np.random.Generator) -> None:
    neurites = pack_neurites(BOUNDS, (), rng)
    distance = np.linalg.norm(neurites.points_nm[:, None] - neurites.points_nm[None], axis=2)
    foreign = neurites.owner[:, None] != neurites.owner[None]
    deep = distance < 0.5 * np.maximum(neurites.radii_nm[:, None], neurites.radii_nm[None])
    assert not (deep & foreign).any()


def test_neurites_keep_out_of_axons(rng: np.random.Generator) -> None:
    (axon,) = lay_axons(BOUNDS, rng)
    neurites = pack_neurites(BOUNDS, (axon,), rng)
    depths = [axon.depth_nm(float(z), np.array([y]), np.array([x]))[0, 0] for z, y, x in neurites.points_nm]
    assert max(depths) < 20.0


def test_neurites_of_a_vertebrate_are_thicker(rng: np.random.Generator) -> None:
    roomy = Bounds((0.0, 0.0, 0.0), (1500.0, 2500.0, 2500.0))
    thin, thick = (np.median(pack_neurites(roomy, (), rng, anatomy=a).radii_nm) for a in (INSECT, VERTEBRATE))
    assert thick > 1.8 * thin


def test_a_larger_field_has_more_axons(rng: np.random.Generator) -> None:
    assert len(lay_axons(Bounds((0.0, 0.0, 0.0), (700.0, 5000.0, 5000.0)), rng)) == 4
