"""One step of a small network, alone or shared with another process; on the path of the tests (pyproject.toml).

A module of its own, since a process that is started afresh can't import a test.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from napari_em_autoclass.core.ranks import Ranks, present_ranks


def network() -> nn.Module:
    torch.manual_seed(3)
    layers = (nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4, momentum=0.2), nn.ReLU(), nn.Conv2d(4, 3, 1))
    return nn.Sequential(*layers)


def images(n: int) -> torch.Tensor:
    return torch.randn((n, 1, 12, 12), generator=torch.Generator().manual_seed(0)) * 3 + 1


def loss_of(made: torch.Tensor, head: nn.Module) -> torch.Tensor:
    """Give a loss that is no sum over images: the covariance of all pixels, and the entropy of the mean."""
    rows = head(made).movedim(1, -1).flatten(0, 2)
    mean = rows.softmax(dim=1).mean(dim=0)
    return torch.cov(rows.T).square().sum() + (mean * mean.log()).sum()


def step(ranks: Ranks, n: int) -> list[np.ndarray]:
    """Do one backward pass; give the loss, all gradients, and the statistics of the batch norm."""
    body, head = network(), nn.Conv2d(3, 5, 1)
    ranks.synced(body)
    loss = loss_of(ranks.gathered(body, images(n)), head)
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = [*body.parameters(), *head.parameters()]
    ranks.average_gradients(parameters)
    found = [loss.detach(), *(p.grad for p in parameters if p.grad is not None), *body.buffers()]
    return [tensor.double().numpy() for tensor in found]


def work(rank: int, size: int, folder: str, n: int) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    ranks = present_ranks()
    kept = torch.full((3,), float(rank))
    ranks.agree([kept])
    word = ranks.from_leader(("step", 7) if ranks.leads else None)
    np.savez(f"{folder}/{rank}.npz", *step(ranks, n), agreed=kept.numpy(), word=np.array(str(word)))
    torch.distributed.destroy_process_group()
