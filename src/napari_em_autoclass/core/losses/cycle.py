"""Go to the most similar pixel of the next section and come back to where one began (TCC, over places, not over time).

In windows of the two sections: each pixel of the middle of a window looks for its like in the whole window of the next
section, and from there in the whole window of its own.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from napari_em_autoclass.core.losses.base import LossTerm, Part, StepBatch, TermOut, TrainState, absent
from napari_em_autoclass.core.losses.cycle_windows import Windows, cut_windows

__all__ = ["Cycle", "cycle_classification", "cycle_regression", "log_returns", "share_returned"]

_VARIANCE_FLOOR = 1e-4  # squared sides of a window; a perfect return has no variance, and is divided by it
_VARIANCE_WEIGHT = 0.001  # lambda of the paper


def log_returns(windows: Windows, temperature: float = 0.1) -> Tensor:
    """Return the log probability with which each asked pixel comes back to each of its window, shape (P, Q, T).

    Parameters
    ----------
    windows : P windows of T pixels, Q of them asked
    temperature : of the squared distance of features, which is divided by D
    """
    there = _log_nearest(windows.own[:, windows.asked], windows.other, windows.valid, temperature).exp()
    return _log_nearest(there @ windows.other, windows.own, windows.valid, temperature)


def cycle_classification(returns: Tensor, windows: Windows) -> Tensor:
    """Return the mean of minus the log probability of the own pixel: 0 if all come back, ln T if all are the same.

    Parameters
    ----------
    returns : (P, Q, T), of `log_returns`
    """
    own = returns[:, torch.arange(len(windows.asked), device=returns.device), windows.asked]  # (P, Q)
    return -own[windows.valid[:, windows.asked]].mean()


def cycle_regression(returns: Tensor, windows: Windows, variance_weight: float = _VARIANCE_WEIGHT) -> Tensor:
    """Return the mean squared distance of where one comes back on average, in units of its variance, plus ``w ln s2``.

    Parameters
    ----------
    returns : (P, Q, T), of `log_returns`
    variance_weight : lambda of the paper
    """
    probability = returns.exp()
    mean = probability @ windows.positions  # (P, Q, 2)
    away = (windows.positions - mean[:, :, None]).square().sum(dim=3)  # (P, Q, T)
    variance = (probability * away).sum(dim=2) + _VARIANCE_FLOOR  # (P, Q)
    squared = (mean - windows.positions[windows.asked]).square().sum(dim=2)  # (P, Q)
    return (squared / variance + variance_weight * variance.log())[windows.valid[:, windows.asked]].mean()


@torch.no_grad()
def share_returned(windows: Windows, within: float) -> Tensor:
    """Return the share, 0 to 1, of asked pixels whose most similar pixel has its own most similar one where one began.

    Chance is high: about 0.3 between random features, since what is nearest from here is likely nearest from there too.

    Parameters
    ----------
    windows : of features; if all are the same, all go to one pixel, and next to none comes back
    within : how far from the start still counts, along each axis, in the unit of the positions
    """
    nearest = _scores(windows.own[:, windows.asked], windows.other, windows.valid).argmax(dim=2)  # (P, Q)
    met = windows.other.gather(1, nearest[:, :, None].expand(-1, -1, windows.other.shape[2]))  # (P, Q, D)
    back = _scores(met, windows.own, windows.valid).argmax(dim=2)  # (P, Q)
    away = (windows.positions[back] - windows.positions[windows.asked]).abs().amax(dim=2)  # (P, Q)
    # A hundredth more: positions are fractions of a window, and 1 px must count as 1 px.
    return (away <= 1.01 * within)[windows.valid[:, windows.asked]].float().mean()


class Cycle(LossTerm):
    """Find the way to the most similar pixel of the next section and back again to where it began.

    As classification in nats: 0 if every pixel comes back to itself, ``ln T`` (T pixels in a window) where all are the
    same.  As regression the squared distance over its variance, about 0 if all come back.  It wants every pixel to be
    unique, which classes are not: give it little weight, or let it end early.

    Source: Dwibedi et al. 2019, "Temporal cycle-consistency learning", with a floor under the variance.
    """

    samples_pixels: ClassVar[bool] = True

    kind: Literal["cycle"] = "cycle"
    """Find the way to the next section and back."""
    form: Literal["classification", "regression"] = "classification"
    """Whether a pixel must come back to itself, or may come back near to itself."""
    temperature: float = Field(0.1, ge=0.01, le=1, json_schema_extra={"step": 0.05})
    """The lower, the fewer pixels count as similar."""
    n_windows: int = Field(16, ge=1, le=64)
    """In how many places this is tried at each step."""
    window_px: int = Field(16, ge=4, le=32, json_schema_extra={"unit": "px", "step": 4})
    """How wide the places are; pixels may move by a quarter of it between sections."""

    def parts(self) -> frozenset[Part]:
        """Return what the term reads."""
        return frozenset({"neighbour"})

    def __call__(self, batch: StepBatch, state: TrainState) -> TermOut:
        """Return a scalar; 0 if the batch lacks what the term reads."""
        seen = batch.seen.get("neighbour")
        if batch.features is None or seen is None:
            return absent(batch)
        maps, generator = (batch.features, seen.features), state.generator(self.kind)
        windows = cut_windows(maps, batch.mask, self.n_windows, self.window_px, generator)
        if windows is None:
            return absent(batch)
        returns = log_returns(windows, self.temperature)
        loss = cycle_classification if self.form == "classification" else cycle_regression
        returned = share_returned(windows, 1 / self.window_px)
        return TermOut(loss(returns, windows), {"returned": float(returned)})


def _log_nearest(queries: Tensor, candidates: Tensor, valid: Tensor, temperature: float) -> Tensor:
    """Return the log of the soft choice (P, Q, T) of `queries` (P, Q, D) among `candidates` (P, T, D)."""
    return (_scores(queries, candidates, valid) / (candidates.shape[2] * temperature)).log_softmax(dim=2)


def _scores(queries: Tensor, candidates: Tensor, valid: Tensor) -> Tensor:
    """Return minus the squared distance (P, Q, T) up to a number per query; -infinity where not `valid` (P, T)."""
    scores = 2 * queries @ candidates.mT - candidates.square().sum(dim=2)[:, None]
    return scores.masked_fill(~valid[:, None], -torch.inf)
