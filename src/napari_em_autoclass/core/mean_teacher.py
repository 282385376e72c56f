"""The mean teacher: a copy of a network whose weights follow it slowly.

Its targets change little from step to step, which is what keeps self-distillation (DINO, JEPA, Leopart) from chasing
itself.

Source: Tarvainen and Valpola 2017; Grill et al. 2020 (BYOL).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["MeanTeacher"]


class MeanTeacher(nn.Module):
    """A running mean of a network, in evaluation mode and without gradient.

    Parameters
    ----------
    student : the network to follow; the teacher starts as its copy
    """

    def __init__(self, student: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(student).eval().requires_grad_(False)

    @torch.no_grad()
    def follow(self, student: nn.Module, momentum: float) -> None:
        """Move to ``momentum * old + (1 - momentum) * student``; buffers (running statistics, scales) are copied."""
        theirs = dict(student.named_parameters())
        for name, ours in self.network.named_parameters():
            ours.lerp_(theirs[name].detach(), 1 - momentum)
        buffers = dict(student.named_buffers())
        for name, buffer in self.network.named_buffers():
            buffer.copy_(buffers[name])

    @torch.no_grad()
    def take(self, student: nn.Module, *prefixes: str) -> None:
        """Copy the tensors of `student` whose names start with one of `prefixes`: those that jumped."""
        theirs = student.state_dict()
        for name, tensor in self.network.state_dict().items():
            if name.startswith(prefixes):
                tensor.copy_(theirs[name])

    def train(self, mode: bool = True) -> MeanTeacher:
        """Stay in evaluation mode, whatever is asked."""
        return super().train(False)

    def forward(self, image: Tensor) -> Tensor:
        """Return what the network returns."""
        return torch.as_tensor(self.network(image))
