"""Tell how far grey values differ from section to section by the microscope, and not by the tissue.

Sections that are cut and imaged one by one differ by chance, in brightness and contrast: each is corrected by its own
median and spread.  In a block face that is milled and imaged in one run (FIB-SEM) hardly anything changes from one
section to the next, and the median wanders with what is in view: a field of view of two micrometres holds a cell body
here and membranes there.  To correct that takes tissue for light.  On a corner of FlyEM's medulla the default recipe
reached a merged mIoU of .64 and .62 with each section brought to its own median and spread, .73 and .70 without
(``docs/explanation/experiments.md``).

So where sections hardly differ from their neighbours only steps are taken for the microscope's (a run that was
interrupted, a section that failed), and a drift beyond what tissue does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["of_microscope"]

# In spreads of the stack, and for spreads in their logarithm.  The median difference of neighbouring sections is .03 at
# most on FlyEM and the phantoms like FIB-SEM and SBF-SEM, .17 on isbi2012 and the phantom like ssTEM.
_STEADY: Final = 0.05
_STEP: Final = 0.25
# FlyEM's medians wander by up to .6 of a spread, its spreads by an eighth.
_DRIFT: Final = 0.75
_DRIFT_OF_SPREADS: Final = 0.4


def of_microscope(measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centre and spread (n, 2) that each section has by the microscope.

    Parameters
    ----------
    measured : (n, 2), median and spread of n sections in their order; spreads are positive
    """
    centre, spread = np.median(measured, axis=0)
    # One unit for both: spreads of the stack, and factors of contrast.
    greys = np.stack([(measured[:, 0] - centre) / spread, np.log(measured[:, 1] / spread)], axis=1)  # (n, 2)
    steps = np.diff(greys, axis=0)
    if not len(steps) or np.median(np.abs(steps), axis=0).max() >= _STEADY:
        return measured
    is_step = np.abs(steps).max(axis=1, keepdims=True) > _STEP
    stepped = np.concatenate([np.zeros((1, 2)), np.where(is_step, steps, 0.0)]).cumsum(axis=0)
    wandering = greys - stepped
    middle = np.median(wandering, axis=0)
    beyond = _beyond(wandering - middle, np.array([_DRIFT, _DRIFT_OF_SPREADS]))
    found = stepped + middle + beyond
    return np.stack([centre + found[:, 0] * spread, spread * np.exp(found[:, 1])], axis=1)


def _beyond(values: NDArray[np.float64], least: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much `values` are beyond `least` on either side."""
    return np.asarray(np.sign(values) * np.maximum(np.abs(values) - least, 0.0))
