from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_em_autoclass.core.divergence import LossRecord, has_only_numbers, objective_key
from napari_em_autoclass.core.losses.balance import Balance
from napari_em_autoclass.core.losses.variance import Variance


def after(*totals: float, record: LossRecord | None = None, objective: str = "a", weights: float = 1.0) -> LossRecord:
    record = record or LossRecord()
    for total in totals:
        record = record.after(total, objective, weights)
    return record


def test_twenty_steps_on_end_beyond_tenfold_are_a_divergence() -> None:
    healthy = after(*[3.0] * 49, 4.0)
    assert (healthy.scale, healthy.is_sound) == (4.0, True)
    explodes = after(*[41.0] * 19, record=healthy)
    assert (explodes.is_sound, explodes.has_diverged) == (False, False)
    assert after(41.0, record=explodes).has_diverged
    assert after(39.0, record=explodes).is_sound


def test_slow_growth_is_found_too() -> None:
    record = after(*[3.0] * 50)
    steps = 0
    while not record.has_diverged:
        record = after(3.0 * 1.01**steps, record=record)
        steps += 1
    assert 231 <= steps <= 260  # 1.01^231 is 10


def test_a_jump_and_a_term_that_rises_from_nothing_are_none() -> None:
    jumps = after(*[3.0] * 50, *[50.0] * 19, *[3.0] * 100, *[29.0] * 500)
    assert jumps.is_sound
    assert after(*[0.0] * 50, *[5.5] * 500, weights=1.0).is_sound  # ln 254, the most a balance can be


def test_a_new_objective_has_a_new_scale() -> None:
    record = after(*[1.0] * 60, *[100.0] * 10)
    changed = after(*[100.0] * 500, record=record, objective="b")
    assert (changed.scale, changed.is_sound) == (100.0, True)


def test_a_loss_far_below_zero_is_welcome() -> None:
    assert after(*[-1.0] * 50, *[-1e6] * 100).is_sound


def test_the_record_survives_json_to_the_last_bit() -> None:
    record = after(*[0.1 * i for i in range(60)])
    assert LossRecord.model_validate_json(record.model_dump_json()) == record


def test_objectives_differ_by_terms_and_weights_that_count() -> None:
    both = [Balance(weight=0.5), Variance(weight=0.25)]
    key, weights = objective_key(both)
    assert weights == 0.75
    assert objective_key(both[::-1])[0] == key
    assert objective_key([*both[:1], Variance(weight=0.0)])[0] != key
    assert objective_key([Balance(weight=0.6), both[1]])[0] != key


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_one_bad_weight_is_found(bad: float) -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    assert has_only_numbers(network)
    with torch.no_grad():
        network[0].bias[1] = bad
    assert not has_only_numbers(network)
