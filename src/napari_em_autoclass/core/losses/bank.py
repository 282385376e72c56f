"""The last few thousand rows that a term has seen, kept from step to step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Bank"]


class Bank(nn.Module):
    """Keeps the newest `size` rows of `width` numbers; saved with the run like weights.

    Source: the queue of Caron et al. 2020 (SwAV), section 4.2, and the memory bank of Wu et al. 2018.
    """

    rows: Tensor
    n_seen: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, width))
        self.register_buffer("n_seen", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        return min(int(self.n_seen), len(self.rows))

    def held(self) -> Tensor:
        """Return the rows held (n, C), n up to the size, in no particular order."""
        return self.rows[: len(self)]

    @torch.no_grad()
    def push(self, rows: Tensor) -> None:
        """Take in `rows` (n, C), n up to the size, in place of the oldest."""
        start = int(self.n_seen) % len(self.rows)
        places = (start + torch.arange(len(rows), device=rows.device)) % len(self.rows)
        self.rows[places] = rows.to(self.rows.dtype)
        self.n_seen += len(rows)
