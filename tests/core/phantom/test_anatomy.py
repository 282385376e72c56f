from __future__ import annotations

import pytest

from napari_em_autoclass.core.phantom.anatomy import INSECT, VERTEBRATE, Anatomy


@pytest.mark.parametrize("anatomy", [INSECT, VERTEBRATE])
def test_thick_neurites_come_first_and_boutons_are_among_them(anatomy: Anatomy) -> None:
    calibres = [kind[0] for kind in anatomy.kinds]
    assert calibres == sorted(calibres, reverse=True)
    assert calibres[-1] < anatomy.fascicle_nm < calibres[0]
    assert any(calibre * (1 + swelling) > anatomy.bouton_nm for calibre, _, swelling, _ in anatomy.kinds)
    assert sum(share for *_, share in anatomy.kinds) < 0.8


def test_structures_of_a_vertebrate_are_up_to_three_times_as_large() -> None:
    for name in ("axon_radius_nm", "mitochondrion_nm", "mitochondrion_length_nm", "density_nm", "cloud_nm"):
        pairs = zip(getattr(INSECT, name), getattr(VERTEBRATE, name), strict=True)
        assert all(1.2 < large / small < 3.0 for small, large in pairs), name
    for small, large in zip(INSECT.kinds, VERTEBRATE.kinds, strict=True):
        assert 2.0 < large[0] / small[0] < 3.0
