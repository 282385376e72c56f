"""Several processes that train one network: who has which share of a step, and how they agree.

Every process draws the same tiles and computes the same loss on all of them; only the passes of the network, which
take nearly all the time, are divided.  Features are gathered with their gradient, and batch norm sees the statistics of
all tiles.  So every loss term is exact, also those that are not sums over tiles (mutual information, Sinkhorn,
variance), and the run is that of one process up to rounding.

The gradients come out right by one rule: `gathered` passes back the gradient of the own share times the number of
processes, and then the gradients of all parameters are averaged.  What was computed from the gathered features is
alike everywhere, so its average is itself; what lies before adds up to the sum over the shares.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ALONE", "Ranks", "SyncedBatchNorm", "join", "part", "present_ranks"]

# A pause may last for days; a process that died is noticed by its closed connection.
_LONGEST_PAUSE = timedelta(days=365)


@dataclass(frozen=True)
class Ranks:
    """One process among `size` that train together; alone by default."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process decides, writes and speaks."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """Return which of `n` items are this process's, as evenly as it goes."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def require(self, n_tiles: int) -> None:
        """Check that every process has a tile.

        Raises
        ------
        InputError
            If there are fewer than processes.
        """
        if n_tiles < self.size:
            raise InputError(
                f"a step has {n_tiles} tiles at a time, fewer than the {self.size} processes; "
                "raise training.tiles_per_step, or start fewer processes"
            )

    def gathered(self, network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Return ``network(images)``, (N, ...), of which every process computes its share; with gradient.

        Parameters
        ----------
        network : maps (n, ...) to (n, ...), item by item but for `SyncedBatchNorm`
        images : (N, ...), alike in every process, N at least `size`
        """
        if self.size == 1:
            return network(images)
        made = network(images[self.share(len(images))])
        return torch.as_tensor(_Gather.apply(made, self, len(images)))  # type: ignore[no-untyped-call]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradient of each parameter by its mean over the processes."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite `tensors` with those of the leading process."""
        if self.size > 1:
            for tensor in tensors:
                held = tensor.detach().contiguous()
                dist.broadcast(held, src=0)
                tensor.detach().copy_(held)

    def from_leader(self, message: Any) -> Any:
        """Return the `message` of the leading process; pickled, between processes that one user started."""
        if self.size == 1:
            return message
        held = [message]
        dist.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        return held[0]

    def synced(self, module: nn.Module) -> None:
        """Let each batch norm in `module` see the statistics of all processes, in place."""
        if self.size == 1:
            return
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SyncedBatchNorm.like(child))
            else:
                self.synced(child)


ALONE = Ranks()
"""The only process, as nearly always."""


def present_ranks() -> Ranks:
    """Return this process among those that it has joined, see `join`."""
    if not (dist.is_available() and dist.is_initialized()):
        return ALONE
    return Ranks(dist.get_rank(), dist.get_world_size())


class SyncedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the tiles of all processes while training; shares parameters and names with a plain one.

    Torch's own takes GPUs only.
    """

    @classmethod
    def like(cls, norm: nn.BatchNorm2d) -> SyncedBatchNorm:
        """Return one with the parameters and statistics of `norm`."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        made._parameters, made._buffers, made.training = norm._parameters, norm._buffers, norm.training
        return made

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (n, C, H, W), the tiles of this process, standardised over those of all."""
        if not self.training:
            return super().forward(x)
        wide, over = x.float(), (0, 2, 3)
        # In two passes: the mean of squares less the square of the mean would lose half the digits.
        count = _summed(wide.new_tensor(float(wide[:, 0].numel())))
        mean = _summed(wide.sum(dim=over)) / count  # (C,)
        centred = wide - mean[:, None, None]
        variance = _summed(centred.square().sum(dim=over)) / count  # (C,)
        with torch.no_grad():
            assert self.running_mean is not None, "every norm here keeps statistics"
            assert self.running_var is not None
            assert self.momentum is not None
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        scale = (variance + self.eps).rsqrt()
        scale = scale * self.weight if self.affine else scale
        out = centred * scale[:, None, None]
        out = out + self.bias[:, None, None] if self.affine else out
        return out.to(x.dtype)


def join() -> Ranks:
    """Return this process among those that ``torchrun`` started, connected to them; alone if it started none.

    Raises
    ------
    InputError
        If there are more processes on this computer than GPUs, where GPUs are used.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        return ALONE
    has_gpu, place = torch.cuda.is_available(), int(os.environ.get("LOCAL_RANK", "0"))
    if has_gpu:
        if place >= torch.cuda.device_count():
            raise InputError(
                f"{os.environ.get('LOCAL_WORLD_SIZE', size)} processes for {torch.cuda.device_count()} GPUs; "
                "start one for each GPU (torchrun --nproc-per-node)"
            )
        torch.cuda.set_device(place)
    # Words go over gloo in either case: they are Python objects on the processor.
    dist.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo", timeout=_LONGEST_PAUSE)
    return present_ranks()


def part() -> None:
    """Leave the other processes, all of which do so now: to end without it aborts whoever is last."""
    if present_ranks() != ALONE:
        dist.barrier()
        dist.destroy_process_group()


class _Gather(torch.autograd.Function):
    """Forward: all shares, one after another.  Backward: the gradient of the own share, times the processes."""

    @staticmethod
    def forward(ctx: Any, share: Tensor, ranks: Ranks, n: int) -> Tensor:
        ctx.ranks, ctx.n = ranks, n
        lengths = [len(range(*Ranks(rank, ranks.size).share(n).indices(n))) for rank in range(ranks.size)]
        padded = share.new_zeros((max(lengths), *share.shape[1:]))
        padded[: len(share)] = share
        shares = [torch.empty_like(padded) for _ in lengths]
        dist.all_gather(shares, padded)
        return torch.cat([one[:length] for one, length in zip(shares, lengths, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0][ctx.ranks.share(ctx.n)] * ctx.ranks.size, None, None


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def _summed(values: Tensor) -> Tensor:
    return torch.as_tensor(_Sum.apply(values))  # type: ignore[no-untyped-call]
