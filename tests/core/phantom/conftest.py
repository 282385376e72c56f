"""Tissue and stacks that several tests look at; made once, nobody writes to them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.phantom import Phantom, make_phantom
from napari_em_autoclass.core.phantom.fields import Bounds
from napari_em_autoclass.core.phantom.tissue import Tissue, grow_tissue


@pytest.fixture(scope="package")
def tissue() -> Tissue:
    return grow_tissue(Bounds((0.0, 0.0, 0.0), (900.0, 1500.0, 1500.0)), np.random.default_rng(1))


@pytest.fixture(scope="package")
def sstem() -> Phantom:
    return make_phantom(mode="sstem", seed=0)


@pytest.fixture(scope="package")
def fibsem() -> Phantom:
    return make_phantom((40, 200, 200), "fibsem", seed=0)


@pytest.fixture(scope="package")
def sbfsem() -> Phantom:
    return make_phantom((16, 300, 300), "sbfsem", seed=0)
