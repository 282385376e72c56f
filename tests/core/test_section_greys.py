from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.section_greys import of_microscope
from napari_em_autoclass.core.volume import Volume


def steady(n: int = 60) -> NDArray[np.float64]:
    """Give medians that wander by half a spread of 30, as what is in view does, and spreads that hardly change."""
    z = np.arange(n)
    return np.stack([100 + 15 * np.sin(z / 12), 30 + np.sin(z / 9)], axis=1)


def test_what_wanders_slowly_is_the_tissue() -> None:
    found = of_microscope(steady())
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape))
    np.testing.assert_allclose(found[0], np.median(steady(), axis=0), rtol=0.1)


def test_sections_that_differ_by_chance_keep_their_own() -> None:
    own = steady() + np.random.default_rng(0).normal(0, 4, (60, 1))
    assert np.array_equal(of_microscope(own), own)
    contrast = steady() * np.random.default_rng(0).uniform(0.8, 1.2, (60, 1))
    assert np.array_equal(of_microscope(contrast), contrast)


def test_a_step_is_the_microscopes() -> None:
    interrupted = steady()
    interrupted[25:, 0] += 40
    interrupted[25:, 1] *= 1.5
    found = of_microscope(interrupted)
    for part in (found[:25], found[25:]):
        np.testing.assert_allclose(part, np.broadcast_to(part[0], part.shape))
    assert 35 < found[25, 0] - found[24, 0] < 45
    assert 1.4 < found[25, 1] / found[24, 1] < 1.6


def test_one_section_that_failed_does_not_change_the_others() -> None:
    failed = steady()
    failed[30] = (160, 12)
    found, others = of_microscope(failed), np.arange(60) != 30
    np.testing.assert_allclose(found[30], (160, 12), rtol=0.15)
    np.testing.assert_allclose(found[others], of_microscope(steady())[others], rtol=0.02)


def test_a_drift_beyond_what_tissue_does_is_undone_as_far_as_it_is_beyond() -> None:
    drifting = steady(400)
    drifting[:, 0] += np.linspace(-60, 60, 400)
    found = of_microscope(drifting)[:, 0]
    assert np.ptp(found) > 120 - 2 * 0.75 * 30 - 15
    # All along one direction but for what the tissue adds: nothing jumps.
    assert np.abs(np.diff(found)).max() < 2


def test_other_grey_values_of_the_same_stack_change_nothing() -> None:
    own = steady()
    own[25:, 0] += 40
    np.testing.assert_allclose(of_microscope(own * 257), of_microscope(own) * 257)
    shift = np.array([1000.0, 0.0])
    np.testing.assert_allclose(of_microscope(own + shift), of_microscope(own) + shift)


def test_one_section_is_enough() -> None:
    assert of_microscope(np.array([[100.0, 30.0]])).tolist() == [[100.0, 30.0]]


def test_a_steady_stack_keeps_its_sections_apart_and_a_blank_one_blank() -> None:
    rng = np.random.default_rng(0)
    light = np.linspace(-12, 12, 40)[:, None, None]
    stack = (rng.normal(100, 30, (40, 96, 96)) + light).astype(np.float32)
    stack[20] = 0
    fitted = fit_normalisation(Volume(stack, (10.0, 10.0, 10.0)))
    shown = np.arange(40) != 20
    centres = np.array(fitted.section_centre)[shown]
    assert np.ptp(centres) < 1e-3
    assert np.ptp(np.median(fitted.apply(stack, 0)[shown], axis=(1, 2))) > 0.7
    assert not fitted.apply(stack[20:21], 20).std()
