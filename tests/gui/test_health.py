"""Green, amber, red."""

from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.gui.health import health_of


@pytest.mark.parametrize(
    ("effective", "light"), [(20.0, "green"), (10.0, "green"), (9.99, "amber"), (1.5, "amber")], ids=str
)
def test_fewer_than_half_of_the_classes_is_amber(fake_run: Any, effective: float, light: str) -> None:
    assert health_of(fake_run().step(1, effective), 20).light == light


def test_the_sentence_counts_classes(fake_run: Any) -> None:
    assert health_of(fake_run().step(1, 17.6), 20).sentence == "18 of 20 classes in use"
    assert "(9 of 20)" in health_of(fake_run().step(1, 9.0), 20).sentence


def test_a_collapse_is_red_and_names_the_remedy(fake_run: Any) -> None:
    health = health_of(fake_run().ended("collapsed"), 20)
    assert (health.light, health.remedy) == ("red", "balance")


def test_other_events_say_nothing_about_health(fake_run: Any) -> None:
    assert health_of(fake_run().started(), 20) is None
    assert health_of(fake_run().ended("finished"), 20) is None
