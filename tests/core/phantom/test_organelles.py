from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.phantom.canvas import Texture
from napari_em_autoclass.core.phantom.classes import DENSITY, MITOCHONDRIA, VESICLES
from napari_em_autoclass.core.phantom.drawing import SectionPlane, draw_section
from napari_em_autoclass.core.phantom.tissue import Tissue

AT = np.arange(0.0, 1500.0, 4.0, dtype=np.float32)
FLAT = np.zeros((len(AT), len(AT)), np.float32)


def draw(tissue: Tissue, z_nm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return brightness, labels and cells of a thin section."""
    plane = SectionPlane(z_nm, 8.0, AT, AT)
    bright, labels = draw_section(tissue, plane, Texture(FLAT, FLAT, FLAT))
    return bright, labels, tissue.cells.cut(z_nm, AT, AT).cell


@pytest.fixture(scope="module")
def sections(tissue: Tissue) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return [draw(tissue, z) for z in (200.0, 450.0, 700.0)]


def test_mitochondria_stay_in_their_cells(tissue: Tissue, sections: list[tuple[np.ndarray, ...]]) -> None:
    homes = {body.cell for body in tissue.mitochondria}
    for _, labels, cell in sections:
        assert set(np.unique(cell[labels == MITOCHONDRIA])) <= homes


def test_vesicle_clouds_stay_in_sending_cells(tissue: Tissue, sections: list[tuple[np.ndarray, ...]]) -> None:
    for _, labels, cell in sections:
        assert set(np.unique(cell[labels == VESICLES])) <= {synapse.pre for synapse in tissue.synapses}


def test_densities_lie_at_their_synapses(tissue: Tissue) -> None:
    found = 0
    for synapse in tissue.synapses:
        z = float(synapse.centre_nm[0])
        bright, labels, cell = draw(tissue, z)
        off = np.hypot(AT[:, None] - synapse.centre_nm[1], AT - synapse.centre_nm[2])
        mine = (labels == DENSITY) & (off < synapse.radius_nm) & np.isin(cell, (synapse.pre, synapse.post))
        if mine.sum() > 50:
            found += 1
            assert bright[mine].mean() < bright[labels != DENSITY].mean() - 0.2
    assert found > len(tissue.synapses) / 3


def test_a_vesicle_is_a_dark_ring_around_a_paler_middle(tissue: Tissue) -> None:
    rings = []
    for z, y, x in tissue.vesicles_nm[:: max(1, len(tissue.vesicles_nm) // 15)]:
        at_y, at_x = (np.float32(v) + np.arange(-32, 33, 2, dtype=np.float32) for v in (y, x))
        flat = np.zeros((33, 33), np.float32)
        bright, _ = draw_section(tissue, SectionPlane(float(z), 4.0, at_y, at_x), Texture(flat, flat, flat))
        off = np.hypot(*np.meshgrid(at_y - y, at_x - x, indexing="ij"))
        rings.append(bright[off < 6].mean() - bright[np.abs(off - 20) < 3].mean())
    assert np.mean(np.array(rings) > 0.1) > 0.8


def test_cristae_stripe_the_mitochondria(sections: list[tuple[np.ndarray, ...]]) -> None:
    # Drawn without grain, whatever varies inside them is structure.
    spread = [bright[labels == MITOCHONDRIA].std() for bright, labels, _ in sections if (labels == MITOCHONDRIA).any()]
    assert max(spread) > 0.04
