"""A fixed bank of rotation-invariant filters at several physical scales: the warm start needs no training.

Per scale: Gaussian, gradient magnitude, both eigenvalues of the Hessian.  Derivatives are multiplied by the scale (once
per order), so that channels of different scales are comparable.  Local standard deviations were tried as a fifth
channel: k-means then follows the noise, and classes fit the structures less on three of three settings of the scales.

Source of the channel choice: ``multiscale_basic_features`` of scikit-image and ilastik's pixel features, which are what
users cluster today; re-implemented in torch so that one code path serves CPU and GPU.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CHANNELS_PER_SCALE", "FilterBank", "blurred"]

CHANNELS_PER_SCALE = 4
# A Gaussian is cut where its weight has fallen to e^-4.5 of the centre's.
_TRUNCATE = 3.0
_MAX_SIGMA_PX = 256  # around each tile three times as much is read


class FilterBank(nn.Module):
    """Compute filter responses of normalised sections.

    Parameters
    ----------
    sigmas_px : scales in working pixels, ascending

    Raises
    ------
    InputError
        If one is above 256.
    """

    def __init__(self, sigmas_px: tuple[float, ...]) -> None:
        super().__init__()
        if not sigmas_px or min(sigmas_px) <= 0:
            raise ValueError(f"scales must be positive numbers of pixels, got {sigmas_px}")
        if max(sigmas_px) > _MAX_SIGMA_PX:
            raise InputError(
                f"a filter scale of {max(sigmas_px):g} working pixels is too large: {_MAX_SIGMA_PX} at most"
            )
        self.sigmas_px = tuple(float(sigma) for sigma in sigmas_px)
        # Buffers, so that they are where the bank is: a trace would keep what `forward` makes on the device it was made
        # on.
        for i, sigma in enumerate(self.sigmas_px):
            self.register_buffer(f"kernel_{i}", _gaussian(sigma), persistent=False)

    @property
    def n_channels(self) -> int:
        """Number of responses per pixel."""
        return CHANNELS_PER_SCALE * len(self.sigmas_px)

    @property
    def radius_px(self) -> int:
        """How far from a pixel its responses look, in pixels."""
        return math.ceil(_TRUNCATE * max(self.sigmas_px)) + 2

    def forward(self, image: Tensor) -> Tensor:
        """Return responses (N, C, H, W) of `image` (N, 1, H, W), float32; edges are mirrored."""
        kernels = [self.get_buffer(f"kernel_{i}") for i in range(len(self.sigmas_px))]
        channels = [
            channel
            for sigma, kernel in zip(self.sigmas_px, kernels, strict=True)
            for channel in _responses(_blurred_by(image, kernel), sigma)
        ]
        return torch.cat(channels, dim=1)  # (N, C, H, W)


def _responses(smooth: Tensor, sigma: float) -> tuple[Tensor, ...]:
    dy, dx = _difference(smooth, -2), _difference(smooth, -1)
    dyy, dyx, dxx = _difference(dy, -2), _difference(dy, -1), _difference(dx, -1)
    mean, half = (dxx + dyy).mul_(sigma**2 / 2), dxx.sub_(dyy).mul_(sigma**2 / 2)
    root = (half * half).add_(dyx.mul_(sigma**2).square_()).sqrt_()
    gradient = (dy * dy).add_(dx * dx).sqrt_().mul_(sigma)
    return smooth, gradient, mean + root, mean - root


def _difference(image: Tensor, dim: int) -> Tensor:
    """Return the central difference along `dim`, -2 or -1, same shape; edges are repeated."""
    wide = pad(image, (1, 1, 0, 0) if dim == -1 else (0, 0, 1, 1), mode="replicate")
    length = image.shape[dim]
    return (wide.narrow(dim, 2, length) - wide.narrow(dim, 0, length)).div_(2)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Return `image` (N, 1, H, W) blurred by a Gaussian of `sigma` pixels, edges mirrored."""
    return _blurred_by(image, _gaussian(sigma, image.device))


def _gaussian(sigma: float, device: torch.device | None = None) -> Tensor:
    radius = math.ceil(_TRUNCATE * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    return kernel / kernel.sum()


def _blurred_by(image: Tensor, kernel: Tensor) -> Tensor:
    kernel, radius = kernel.to(image.dtype), len(kernel) // 2
    height, width = image.shape[-2:]
    # torch mirrors less than the image's own width only; tiny sections repeat their edge instead.
    mode = "reflect" if radius < min(height, width) else "replicate"
    wide = pad(image, (radius, radius, radius, radius), mode=mode)
    is_traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if image.device.type == "cpu" and not image.requires_grad and not is_traced:
        weights = kernel.tolist()[radius:]
        return _along(_along(wide, weights, -2), weights, -1)
    rows = conv2d(wide, kernel[None, None, :, None])
    return conv2d(rows, kernel[None, None, None, :])


def _along(image: Tensor, weights: Sequence[float], dim: int) -> Tensor:
    """Return a symmetric filter along `dim`, which is shorter by its reach at both ends.

    A convolution of a single channel uses little of a processor; sums of shifted images take half its time.  Products
    are rounded before they are added: a fused addition might be used for some pixels of a row and not for others, and
    a pixel must not depend on where its tile begins.

    Parameters
    ----------
    weights : from the middle outwards
    """
    reach, length = len(weights) - 1, image.shape[dim] - 2 * (len(weights) - 1)
    total = image.narrow(dim, reach, length) * weights[0]
    pair = torch.empty_like(total)
    for distance, weight in enumerate(weights[1:], start=1):
        torch.add(image.narrow(dim, reach - distance, length), image.narrow(dim, reach + distance, length), out=pair)
        total.add_(pair.mul_(weight))
    return total
