"""Soft assignments with wanted class sizes: entropic optimal transport between pixels and classes.

Source: Cuturi 2013, "Sinkhorn distances", alg. 1; Caron et al. 2020 (SwAV), eq. 3; for sizes that may give way Chizat
et al. 2018, "Scaling algorithms for unbalanced optimal transport problems".  Written from the formulas.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["prior_from_usage", "sinkhorn"]

# Up to these ranges e^x and all products of the scaling stay inside float32, or float64.
_EXP_RANGE, _WIDE_EXP_RANGE = 30.0, 300.0
# A class that nobody uses keeps this share of an even one, else it could never come back.
_USAGE_FLOOR = 1e-3


@torch.no_grad()
def sinkhorn(
    scores: Tensor,
    prior: Tensor | None = None,
    *,
    eps: float = 0.5,
    iterations: int = 5,
    rho: float | None = None,
) -> Tensor:
    """Return codes (N, K): rows sum to 1, columns to about N times `prior`; they maximise ``<Q, scores> + eps H(Q)``.

    Everything is shifted by each row's maximum and, where the scores lie far apart, computed as logarithms, so scores
    of any size are safe in float32.  Columns are exact only when converged: with scores of a range of 20 and eps 0.5
    the worst class is off by a quarter after 3 iterations and by a hundredth after 10.

    Parameters
    ----------
    scores : (N, K)
    prior : (K,) positive wanted shares of the classes; None for equal ones
    eps : softness, in the unit of the scores (0.05 for cosines, 0.5 for cosines over a temperature of 0.1)
    iterations : of the class and pixel step; 0 gives the plain softmax of ``scores / eps``
    rho : price of missing the wanted shares, in the unit of the scores; None holds them, 0 ignores them

    Returns
    -------
    Tensor, shape (N, K), no gradient; float32, or float64 as the scores are

    Raises
    ------
    ValueError
        If shapes don't fit or a wanted share is not positive.
    """
    if scores.ndim != 2 or not scores.shape[0]:
        raise ValueError(f"expected scores (N, K), got {tuple(scores.shape)}")
    if prior is not None and (prior.shape != scores.shape[1:] or not bool((prior > 0).all())):
        raise ValueError(f"expected {scores.shape[1]} positive shares, got {prior.tolist()}")
    wide = scores if scores.dtype == torch.float64 else scores.float()
    kernel = (wide - wide.amax(dim=1, keepdim=True)) / eps  # (N, K), at most 0
    shares = torch.ones_like(kernel[0]) if prior is None else prior.to(kernel)
    wanted = (shares / shares.sum()).log() + math.log(len(kernel))  # (K,) logarithm of the column sums
    damping = 1.0 if rho is None else rho / (rho + eps)
    lowest = float(kernel.min())
    if lowest > -_EXP_RANGE:
        potential = _scale_by_exp(kernel, wanted, damping, iterations)
    elif lowest > -_WIDE_EXP_RANGE and kernel.device.type != "mps":  # which has no float64
        potential = _scale_by_exp(kernel.double(), wanted.double(), damping, iterations)
    else:
        potential = _scale_by_log(kernel, wanted, damping, iterations)
    return (kernel + potential.to(kernel.dtype)).softmax(dim=1)


def _scale_by_exp(kernel: Tensor, wanted: Tensor, damping: float, iterations: int) -> Tensor:
    """Return the potentials of the classes (K,); several times as fast as by logarithms."""
    mass, potential = kernel.exp(), torch.zeros_like(wanted)
    for _ in range(iterations):
        rows = 1 / (mass @ potential.exp())  # (N,)
        potential = damping * (wanted - (rows @ mass).log())
    return potential


def _scale_by_log(kernel: Tensor, wanted: Tensor, damping: float, iterations: int) -> Tensor:
    """Return the potentials of the classes (K,) for scores of any range."""
    potential = torch.zeros_like(wanted)
    for _ in range(iterations):
        rows = (kernel + potential).logsumexp(dim=1, keepdim=True)  # (N, 1)
        # From the kernel, not from what was scaled before: a damped step there would still end at the full one.
        potential = damping * (wanted - (kernel - rows).logsumexp(dim=0))
    return potential


def prior_from_usage(usage: Tensor, exponent: float) -> Tensor:
    """Return wanted shares (K,), in proportion to ``usage ** exponent``: 0 gives equal ones, 1 those of now.

    Parameters
    ----------
    usage : (K,) shares of the classes, non-negative; an unused one counts as a thousandth of an even one
    exponent : 0 to 1
    """
    shares = (usage.detach() + _USAGE_FLOOR / len(usage)) ** exponent
    return shares / shares.sum()
