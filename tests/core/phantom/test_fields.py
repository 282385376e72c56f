from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.phantom.fields import Bounds, Grain, SmoothField

BOUNDS = Bounds((0.0, 0.0, 0.0), (400.0, 4000.0, 4000.0))


def test_padding_grows_a_box_on_every_side() -> None:
    padded = BOUNDS.padded(10.0)
    assert padded.low_nm == (-10.0, -10.0, -10.0)
    np.testing.assert_allclose(padded.size_nm, BOUNDS.size_nm + 20.0)


def test_a_field_has_zero_mean_and_unit_variance(rng: np.random.Generator) -> None:
    at = np.arange(0.0, 4000.0, 40.0, dtype=np.float32)
    values = SmoothField.random(BOUNDS, 60.0, rng).on_grid(at[:10], at, at)
    assert abs(values.mean()) < 0.1
    assert values.std() == pytest.approx(1.0, abs=0.1)


def test_a_field_is_the_same_function_on_every_grid(rng: np.random.Generator) -> None:
    field = SmoothField.random(BOUNDS, 150.0, rng)
    fine = np.arange(0.0, 400.0, 4.0, dtype=np.float32)
    grid = field.on_grid(fine[::5], fine, fine)
    np.testing.assert_allclose(grid[::2, ::2, ::2], field.on_grid(fine[::10], fine[::2], fine[::2]), atol=1e-5)
    np.testing.assert_allclose(grid[3], field.on_plane(float(fine[15]), fine, fine), atol=1e-5)


@pytest.mark.parametrize("size_px", [0.0, 0.6, 2.5])
@pytest.mark.parametrize("memory", [0.0, 0.7])
def test_grain_has_unit_variance_and_remembers_the_section_before(
    size_px: float, memory: float, rng: np.random.Generator
) -> None:
    grain = Grain((256, 256), size_px, memory, rng)
    before, after = grain.section(), grain.section()
    assert after.std() == pytest.approx(1.0, abs=0.08)
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] == pytest.approx(memory, abs=0.06)
