from __future__ import annotations

from napari_em_autoclass.core.phantom.cells import GLIA
from napari_em_autoclass.core.phantom.tissue import Tissue


def test_every_cell_has_a_tone_and_glia_is_grey_and_smooth(tissue: Tissue) -> None:
    assert len(tissue.tone) == len(tissue.granularity) == tissue.cells.n_cells
    assert tissue.tone[GLIA] < tissue.tone.mean()
    assert tissue.granularity[GLIA] == tissue.granularity.min()


def test_tissue_covers_its_box(tissue: Tissue) -> None:
    reach = [
        low + tissue.cells.pitch_nm * (n - 1)
        for low, n in zip(tissue.cells.low_nm, tissue.cells.owner.shape, strict=True)
    ]
    assert all(end >= high for end, high in zip(reach, tissue.bounds.high_nm, strict=True))
