"""Differentiable feature clustering, written from the papers, in a process of its own.

    python benchmarks/_peers_clustering.py STACK.npy OUT.npy K SECONDS [--continuity 1 | --superpixels]

Source: Kim, Kanezaki and Tanaka 2020, "Unsupervised Learning of Image Segmentation Based on Differentiable Feature
Clustering", IEEE Transactions on Image Processing 29 (arXiv:2007.09990). A small network gives each pixel q responses;
the largest is its cluster, and cross-entropy draws the responses to it while a loss of continuity makes neighbouring
pixels respond alike. Here one network learns from all sections in turn, one update each, as in the paper's extension
to reference images, and then classifies them. The loss of continuity weighs 5, as in the authors' program for
reference images; 1 is that of their program for single images. ``--superpixels`` is the older way in its place: all
pixels of a superpixel take its most frequent cluster as their target (Kanezaki 2018, "Unsupervised Image Segmentation
by Backpropagation", ICASSP).

STACK is (Z, Y, X) float32 in 0 ... 1, OUT (Z, Y, X) uint8 from 1. The last line printed is what it took, as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Those of the authors' program for reference images, but for the number of responses, which is K here.
_WIDTH, _DEPTH = 100, 2
_LEARNING_RATE, _MOMENTUM = 0.1, 0.9
_CONTINUITY = 5.0
# One superpixel to so many pixels: the authors cut photographs of 321 x 481 into 10,000.
_SUPERPIXEL_PX = 15
_COMPACTNESS = 1.0  # 100 in the units of their lightness, which runs to 100; ours to 1


@dataclass(frozen=True)
class Wishes:
    """How many clusters at most, for how long, with what weight of continuity, or with superpixels in its place."""

    n_clusters: int
    seconds: float
    continuity: float = _CONTINUITY
    superpixels: bool = False


class ClusteringNetwork(nn.Module):
    """Layers of 3 x 3 convolution, ReLU and batch norm, then 1 x 1 convolution and batch norm to the responses.

    (B, 1, H, W) to (B, q, H, W). The last norm is the paper's normalisation of responses: without it one cluster takes
    all. It stays in training mode for good, as in the authors' program: a section is normed by itself.
    """

    def __init__(self, n_clusters: int, width: int = _WIDTH, depth: int = _DEPTH) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in (1, *[width] * (depth - 1)):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(width)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, n_clusters, 1), nn.BatchNorm2d(n_clusters))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the responses."""
        responses: torch.Tensor = self.layers(images)
        return responses


def continuity_loss(responses: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of responses (B, q, H, W) to the pixel above plus that to the pixel left.

    Zero where all pixels respond alike. Source: eq. 4 of the paper, as a mean, which doesn't change with the image's
    size.
    """
    down = responses[..., 1:, :] - responses[..., :-1, :]
    right = responses[..., 1:] - responses[..., :-1]
    return down.abs().mean() + right.abs().mean()


def refined(clusters: torch.Tensor, superpixels: torch.Tensor) -> torch.Tensor:
    """Return each pixel's cluster (H, W) replaced by the most frequent one of its superpixel (H, W), ids from 0.

    The lowest cluster wins a draw.
    """
    n_clusters = int(clusters.max()) + 1
    pairs = superpixels.reshape(-1) * n_clusters + clusters.reshape(-1)
    counts = torch.bincount(pairs, minlength=(int(superpixels.max()) + 1) * n_clusters)
    return counts.reshape(-1, n_clusters).argmax(dim=1)[superpixels]


def trained(stack: torch.Tensor, wishes: Wishes) -> tuple[ClusteringNetwork, int]:
    """Return a network that learned from a stack (Z, H, W) section by section, and the number of updates."""
    start, steps = time.perf_counter(), 0
    torch.manual_seed(0)
    network = ClusteringNetwork(wishes.n_clusters).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=_LEARNING_RATE, momentum=_MOMENTUM)
    superpixels = [_superpixels(section) for section in stack] if wishes.superpixels else []
    while not steps or time.perf_counter() - start < wishes.seconds:
        z = steps % len(stack)
        responses = network(stack[z : z + 1, None])
        target = responses.detach().argmax(dim=1)  # (1, H, W)
        if superpixels:
            loss = cross_entropy(responses, refined(target[0], superpixels[z])[None])
        else:
            loss = cross_entropy(responses, target) + wishes.continuity * continuity_loss(responses)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
    return network, steps


@torch.no_grad()
def classified(network: ClusteringNetwork, stack: torch.Tensor) -> NDArray[np.uint8]:
    """Return the class map (Z, H, W), classes from 1."""
    found = [network(section[None, None])[0].argmax(dim=0) + 1 for section in stack]
    return np.asarray(torch.stack(found).numpy().astype(np.uint8))


def _superpixels(section: torch.Tensor) -> torch.Tensor:
    from skimage.segmentation import slic

    found: NDArray[Any] = slic(  # type: ignore[no-untyped-call]
        section.numpy(),
        n_segments=section.numel() // _SUPERPIXEL_PX,
        compactness=_COMPACTNESS,
        channel_axis=None,
        start_label=0,
    )
    return torch.from_numpy(found.astype(np.int64))


def main() -> None:
    """Write the class map and tell what it took."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("n_clusters", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--continuity", type=float, default=_CONTINUITY)
    parser.add_argument("--superpixels", action="store_true")
    args = parser.parse_args()
    stack = torch.from_numpy(np.load(args.stack))
    start = time.perf_counter()
    network, steps = trained(stack, Wishes(args.n_clusters, args.seconds, args.continuity, args.superpixels))
    learned_s = time.perf_counter() - start
    np.save(args.out, classified(network, stack))
    print(json.dumps({"steps": steps, "train_s": round(learned_s, 1)}))


if __name__ == "__main__":
    main()
