"""A small 2D U-Net: one section in, features per pixel out.

2D, because sections are often far apart and badly registered; what lies along z enters through what the network has to
foretell.  Batch norm in evaluation mode makes a pixel's features independent of what else is in the tile.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, max_pool2d

from napari_em_autoclass.core.classifier.inside import inside
from napari_em_autoclass.core.heads.linear import pointwise

__all__ = ["UNet2d"]

_BLOCK_RADIUS = 2  # of two 3x3 convolutions


class UNet2d(nn.Module):
    """Map sections (N, C, H, W) to features (N, D, H, W); H and W must be multiples of ``2 ** (depth - 1)``.

    Parameters
    ----------
    width : channels at full resolution; doubled at each coarser level
    depth : number of levels
    n_features : D
    n_sections : C, odd; the middle one is described, the others help (a "2.5D" network)

    Notes
    -----
    Source: Ronneberger et al. 2015, with batch norm and bilinear upsampling, and fewer channels.
    """

    def __init__(self, width: int, depth: int, n_features: int, n_sections: int = 1) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.down = nn.ModuleList(_Block(i, o) for i, o in zip([n_sections, *widths], widths, strict=False))
        self.up = nn.ModuleList(_Block(widths[i] + widths[i + 1], widths[i]) for i in reversed(range(depth - 1)))
        self.last = nn.Conv2d(width, n_features, 1)
        self.depth, self.context = depth, n_sections // 2
        # Channels last in memory: a third faster on processors, and what tensor cores want.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""
        return int(2 ** (self.depth - 1))

    @property
    def radius_px(self) -> int:
        """How far from a pixel its features look, in pixels (an upper bound)."""
        # Two 3x3 convolutions a level, down and up, at that level's stride; and the step to the coarser level and back
        # (pooled pixels, then interpolation between two of them) looks two pixels further.
        return sum(2**level * (2 if level == self.depth - 1 else 6) for level in range(self.depth))

    def forward(self, image: Tensor, margin: int = 0) -> Tensor:
        """Return features (N, D, H - 2 margin, W - 2 margin) of what lies inside a margin of sections (N, C, H, W).

        On the way up nothing is made of the margin but what the pixels inside depend on.
        """
        skips = []
        x = image.contiguous(memory_format=torch.channels_last)
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else max_pool2d(x, 2))  # (N, width * 2**level, H / 2**level, W / 2**level)
            skips.append(x)
        skips.pop()
        margins = _margins(margin, self.depth)
        x, left = inside(x, margins[-1]), margins[-1]
        for block, wanted in zip(self.up, margins[-2::-1], strict=True):
            x = interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            if x.requires_grad:
                x.register_hook(_dense)  # type: ignore[no-untyped-call]
            seen = max(wanted - _BLOCK_RADIUS, 0)
            x = block(torch.cat([inside(x, seen - 2 * left), inside(skips.pop(), seen)], dim=1))
            x, left = inside(x, wanted - seen), wanted
        # Not torch.as_tensor, which a trace takes for a move to the device it was traced on; so in the others.
        features: Tensor = pointwise(self.last, x.movedim(1, -1)).movedim(-1, 1)
        return features


def _margins(margin: int, depth: int) -> list[int]:
    """Return of what margin at each level, fine to coarse and in its own pixels, nothing is needed."""
    margins = [margin]
    for _ in range(depth - 1):
        # Enlarged, the outermost coarse pixel is not what it would be beside its neighbour.
        margins.append(max(max(margins[-1] - _BLOCK_RADIUS, 0) // 2 - 1, 0))
    return margins


def _dense(gradient: Tensor) -> Tensor:
    # Joining maps passes back a part of a larger gradient: enlarging's own backward pass takes ten times as long on it.
    return gradient.contiguous(memory_format=torch.channels_last)


class _Block(nn.Sequential):
    """Two 3x3 convolutions, each with batch norm and a ramp."""

    def __init__(self, n_in: int, n_out: int) -> None:
        # Momentum 0.2: the first classes are made after 20 steps, and need statistics that have forgotten the start.
        super().__init__(
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out, momentum=0.2),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out, momentum=0.2),
            nn.ReLU(inplace=True),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return maps (N, n_out, H, W) of maps (N, n_in, H, W)."""
        is_traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if self.training or is_traced:
            maps: Tensor = super().forward(image)  # type: ignore[no-untyped-call]
            return maps
        for conv, norm in ((self[0], self[1]), (self[3], self[4])):
            image = conv2d(image, *_folded(conv, norm), padding=1).relu_()
        return image


def _folded(conv: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return weights (O, I, 3, 3) and bias (O,) of a convolution that does what both do in evaluation mode.

    A pass over the maps less for each convolution.  They are made anew each time, 0.8 ms for a network, so that they
    can't be those of weights that have changed since.
    """
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    mean, var, gain, shift = norm.running_mean, norm.running_var, norm.weight, norm.bias
    assert mean is not None
    assert var is not None
    scale = gain / (var + norm.eps).sqrt()
    return conv.weight * scale[:, None, None, None], shift - mean * scale
