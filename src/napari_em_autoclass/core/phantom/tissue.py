"""The tissue: everything in the box, as functions of position in nm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_em_autoclass.core.phantom.anatomy import INSECT, Anatomy
from napari_em_autoclass.core.phantom.cells import GLIA, CellGrid, build_cells
from napari_em_autoclass.core.phantom.fields import F32, Bounds, SmoothField
from napari_em_autoclass.core.phantom.mitochondria import Mitochondrion, lay_mitochondria
from napari_em_autoclass.core.phantom.packing import Axon, lay_axons, pack_neurites
from napari_em_autoclass.core.phantom.synapses import Synapse, lay_microtubules, lay_synapses, lay_vesicles

__all__ = ["Fields", "Tissue", "grow_tissue"]


@dataclass(frozen=True)
class Fields:
    """Hold the smooth random functions that vary the looks from place to place.

    Parameters
    ----------
    gap
        Width of the extracellular gap.
    wobble
        Roundness of organelles and clouds.
    cristae, broken_cristae
        Bends of cristae, and where they end.
    cistern, cistern_mask
        Endoplasmic reticulum lies where the first is near zero and the second is high.
    """

    gap: SmoothField
    wobble: SmoothField
    cristae: SmoothField
    broken_cristae: SmoothField
    cistern: SmoothField
    cistern_mask: SmoothField


@dataclass(frozen=True)
class Tissue:
    """Hold a box of neuropil.

    Parameters
    ----------
    bounds : Bounds
        Where it is defined, nm.
    cells : CellGrid
        Who is where.
    axons, mitochondria, synapses
        The structures with a shape of their own.
    vesicles_nm : ndarray, shape (N, 3), float32
        Centres, ascending in z.
    microtubules_nm, microtubule_cell : ndarray, shapes (M, 3) and (M,), float32
        Points along them, ascending in z, and the cell they stay in.
    tone, granularity : ndarray, shape (n_cells,), float32
        Brightness of each cytoplasm relative to the mean (of a range of 1), and strength of its grain.
    fields : Fields
        What varies from place to place.
    """

    bounds: Bounds
    cells: CellGrid
    axons: tuple[Axon, ...]
    mitochondria: tuple[Mitochondrion, ...]
    synapses: tuple[Synapse, ...]
    vesicles_nm: F32
    microtubules_nm: F32
    microtubule_cell: F32
    tone: F32
    granularity: F32
    fields: Fields


def grow_tissue(bounds: Bounds, rng: np.random.Generator, *, anatomy: Anatomy = INSECT) -> Tissue:
    """Grow neuropil in a box.

    Parameters
    ----------
    bounds : Bounds
        Box in nm; at least a micrometre (of scale 1) wide, or there is no room for the thick processes.
    rng : numpy.random.Generator
        Source of every choice.
    anatomy : Anatomy
        How large its structures are.
    """
    axons = lay_axons(bounds, rng, anatomy=anatomy)
    packed = pack_neurites(bounds, axons, rng, anatomy=anatomy)
    cells, neurites = build_cells(bounds, packed, axons, rng, anatomy=anatomy)
    mitochondria = lay_mitochondria(bounds, neurites, axons, cells, rng, anatomy=anatomy)
    synapses = lay_synapses(bounds, neurites, cells, rng, anatomy=anatomy)
    microtubules, microtubule_cell = lay_microtubules(bounds, neurites, axons, rng, anatomy=anatomy)
    tone = 0.045 * rng.standard_normal(cells.n_cells)
    granularity = rng.uniform(0.75, 1.3, cells.n_cells)
    tone[GLIA], granularity[GLIA] = -0.11, 0.5  # grey and smooth
    return Tissue(
        bounds=bounds,
        cells=cells,
        axons=axons,
        mitochondria=mitochondria,
        synapses=synapses,
        vesicles_nm=lay_vesicles(synapses, mitochondria, cells, rng),
        microtubules_nm=microtubules,
        microtubule_cell=microtubule_cell,
        tone=tone.astype(np.float32),
        granularity=granularity.astype(np.float32),
        fields=_draw_fields(bounds, rng),
    )


def _draw_fields(bounds: Bounds, rng: np.random.Generator) -> Fields:
    return Fields(
        gap=SmoothField.random(bounds, 200.0, rng),
        wobble=SmoothField.random(bounds, 80.0, rng),
        cristae=SmoothField.random(bounds, 75.0, rng),
        broken_cristae=SmoothField.random(bounds, 60.0, rng),
        cistern=SmoothField.random(bounds, 130.0, rng),
        cistern_mask=SmoothField.random(bounds, 240.0, rng),
    )
