"""Why a run ended."""

from __future__ import annotations

from typing import get_args

from napari_em_autoclass.core.run_end import Reason, ended


def test_every_reason_has_a_sentence() -> None:
    found = [ended("run", 7, reason) for reason in get_args(Reason)]
    assert [(each.run_id, each.step, each.reason) for each in found] == [("run", 7, r) for r in get_args(Reason)]
    assert len({each.message for each in found}) == len(found)
    assert all(each.message.endswith(".") and "{" not in each.message for each in found)


def test_a_run_that_diverged_says_what_is_kept() -> None:
    assert "up to step 7 is kept" in ended("run", 7, "diverged").message
