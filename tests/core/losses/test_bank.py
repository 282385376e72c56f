from __future__ import annotations

import torch
from torch import Tensor

from napari_em_autoclass.core.losses.bank import Bank


def rows(*values: float) -> Tensor:
    return torch.tensor(values)[:, None].repeat(1, 2)


def test_is_empty_at_first() -> None:
    bank = Bank(4, 2)
    assert len(bank) == 0
    assert bank.held().shape == (0, 2)


def test_keeps_the_newest() -> None:
    bank = Bank(4, 2)
    bank.push(rows(1, 2, 3))
    assert sorted(bank.held()[:, 0].tolist()) == [1, 2, 3]
    bank.push(rows(4, 5, 6))
    assert sorted(bank.held()[:, 0].tolist()) == [3, 4, 5, 6]
    bank.push(rows(7, 8, 9, 10))
    assert sorted(bank.held()[:, 0].tolist()) == [7, 8, 9, 10]


def test_is_saved_and_loaded_like_weights() -> None:
    bank, other = Bank(4, 2), Bank(4, 2)
    bank.push(rows(1, 2, 3))
    other.load_state_dict(bank.state_dict())
    for each in (bank, other):
        each.push(rows(4, 5))
    assert torch.equal(bank.held(), other.held())
    assert len(other) == 4


def test_takes_any_precision_and_no_gradient() -> None:
    bank = Bank(4, 2)
    bank.push(rows(1.5).half().requires_grad_())
    assert bank.held().dtype == torch.float32
    assert not bank.held().requires_grad
