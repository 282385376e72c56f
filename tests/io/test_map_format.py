from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.map_format import map_format


def test_the_name_says_the_format() -> None:
    assert map_format(Path("A.Ome.ZARR")) == "zarr"
    assert map_format(Path("a.ome.tif")) == map_format(Path("A.TIFF")) == "tiff"
    assert map_format(Path("a.precomputed")) == "precomputed"
    assert map_format(Path("a.zarr"), probabilities=True) == "zarr"


@pytest.mark.parametrize("name", ["a", "a.png", "zarr", "a.zarr.gz"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"\.ome\.zarr, \.ome\.tif or \.precomputed"):
        map_format(Path(name))


@pytest.mark.parametrize("name", ["a.tif", "a.precomputed"])
def test_probabilities_want_zarr(name: str) -> None:
    with pytest.raises(InputError, match="probabilities are written as OME-Zarr only"):
        map_format(Path(name), probabilities=True)


def test_a_missing_package_is_told_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    with pytest.raises(InputError, match="pip install"):
        map_format(Path("a.precomputed"))
    assert map_format(Path("a.zarr")) == "zarr"
