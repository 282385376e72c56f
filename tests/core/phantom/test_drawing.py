from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.phantom.canvas import Texture
from napari_em_autoclass.core.phantom.classes import CYTOPLASM, EXTRACELLULAR, MEMBRANE, MYELIN
from napari_em_autoclass.core.phantom.drawing import SectionPlane, draw_section
from napari_em_autoclass.core.phantom.tissue import Tissue

AT = np.arange(200.0, 1300.0, 4.0, dtype=np.float32)


def draw(tissue: Tissue, thickness_nm: float, at: np.ndarray = AT) -> tuple[np.ndarray, np.ndarray]:
    flat = np.zeros((len(at), len(at)), np.float32)
    return draw_section(tissue, SectionPlane(450.0, thickness_nm, at, at), Texture(flat, flat, flat))


def test_labels_do_not_depend_on_section_thickness(tissue: Tissue) -> None:
    np.testing.assert_array_equal(draw(tissue, 8.0)[1], draw(tissue, 50.0)[1])


def test_labels_are_the_same_on_a_coarser_grid(tissue: Tissue) -> None:
    fine, coarse = draw(tissue, 8.0)[1][::2, ::2], draw(tissue, 8.0, AT[::2])[1]
    assert (fine == coarse).mean() > 0.98


def test_membrane_is_a_band_of_about_36_nm_along_borders(tissue: Tissue) -> None:
    depth = tissue.cells.cut(450.0, AT, AT).depth_nm
    labels = draw(tissue, 8.0)[1]
    assert (labels[depth < 6.0] != CYTOPLASM).mean() > 0.97
    assert np.isin(labels[depth < 6.0], (MEMBRANE, EXTRACELLULAR)).mean() > 0.8
    # Only the axon's own membrane, below its myelin, may lie deep in a cell.
    away = (depth > 45.0) & (labels == MEMBRANE)
    near_myelin = np.zeros_like(away)
    for axon in tissue.axons:
        near_myelin |= np.abs(axon.depth_nm(450.0, AT, AT) - axon.sheath_nm) < 30.0
    assert not (away & ~near_myelin).any()


def test_myelin_lies_in_the_sheath(tissue: Tissue) -> None:
    labels, axon = draw(tissue, 8.0)[1], tissue.axons[0]
    depth = axon.depth_nm(450.0, AT, AT)[labels == MYELIN]
    assert len(depth) > 0
    assert depth.min() > -25.0
    assert depth.max() < axon.sheath_nm


def test_thick_sections_blur_oblique_membranes(tissue: Tissue) -> None:
    thin, thick = draw(tissue, 8.0), draw(tissue, 50.0)
    membrane = thin[1] == MEMBRANE
    assert thick[0][membrane].std() < thin[0][membrane].std()
    assert thick[0].mean() == pytest.approx(thin[0].mean(), abs=0.05)
