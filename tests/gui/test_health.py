"""Green, amber, red, and what helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.events import Notice, RunEnded, SettingsChanged, SnapshotTaken, StepDone, ViewRequest
from napari_em_autoclass.gui.health import Health, HealthWatch

K = 20
EVEN = (1 / K,) * K


def step(number: int, effective: float = 18.0, **changes: Any) -> StepDone:
    terms = (("forecast", 1.0), ("balance", 0.1))
    done = StepDone("r", number, number / 1000, float(number), terms, 1.1, effective, EVEN)
    return replace(done, **changes)


@pytest.fixture
def watch(fake_run: Any) -> HealthWatch:
    made = HealthWatch()
    made.kinds = ("forecast", "balance")
    made.see(replace(fake_run().started(), n_classes=K))
    return made


def after(watch: HealthWatch, n: int, first: int = 1, **changes: Any) -> Health:
    for number in range(first, first + n):
        health = watch.see(step(number, **changes))
    assert health is not None
    return health


@pytest.mark.parametrize(
    ("effective", "light"), [(20.0, "green"), (10.0, "green"), (9.99, "amber"), (2.5, "amber")], ids=str
)
def test_fewer_than_half_of_the_classes_is_amber(watch: HealthWatch, effective: float, light: str) -> None:
    health = after(watch, 3, effective=effective)
    assert health.light == light
    assert (health.remedy is None) == (light == "green")


def test_one_step_is_chance(watch: HealthWatch) -> None:
    assert after(watch, 2, effective=4.0).light == "green"
    assert after(watch, 1, first=3).light == "green"
    assert after(watch, 2, first=4, effective=4.0).light == "green"


def test_the_sentence_counts_classes(watch: HealthWatch) -> None:
    assert after(watch, 1, effective=17.6).sentence == "18 of 20 classes in use"
    dying = after(watch, 3, first=2, effective=9.0)
    assert dying.sentence == "Classes are dying (9 of 20). Raise 'Use all the classes'."
    assert (dying.remedy.action, dying.remedy.kinds) == ("raise", ("balance",))
    assert dying.brief == "9 / 20 classes"


def test_one_class_taking_nearly_everything_is_red(watch: HealthWatch) -> None:
    usage = (0.85, *((0.15 / (K - 1),) * (K - 1)))
    health = after(watch, 3, effective=2.4, usage=usage)
    assert (health.light, health.remedy.action) == ("red", "raise")
    assert "One class takes 85 %" in health.sentence


def test_a_recipe_without_balance_is_helped_otherwise(watch: HealthWatch) -> None:
    watch.kinds = ("prediction",)
    health = after(watch, 3, effective=4.0)
    assert (health.remedy.action, "prediction" in health.remedy.kinds) == ("lower", True)
    assert "agreement" in health.sentence


def test_a_growing_loss_is_learned_slower(watch: HealthWatch) -> None:
    assert after(watch, 20, total=1.0).light == "green"
    health = after(watch, 3, first=21, total=5.0)
    assert (health.light, health.remedy.action) == ("amber", "slower")


def test_a_loss_that_grows_since_its_terms_or_weights_are_others_is_no_alarm(watch: HealthWatch) -> None:
    after(watch, 20, total=1.0)
    more = (("forecast", 1.0), ("balance", 0.1), ("anchor", 9.0))
    assert after(watch, 25, first=21, total=9.0, terms=more).light == "green"
    watch.see(SettingsChanged("r", 46, (("terms.anchor.weight", 4.0),)))
    assert after(watch, 5, first=46, total=36.0, terms=more).light == "green"


def test_foresight_below_zero_for_long_points_to_shifted_sections(watch: HealthWatch) -> None:
    assert after(watch, 29, skill=-0.1).light == "green"
    health = after(watch, 1, first=30, skill=-0.1)
    assert (health.light, health.remedy.action) == ("amber", "lower")
    assert "shifted" in health.sentence
    ended = watch.see(RunEnded("r", 30, "finished"))
    assert (ended.light, ended.remedy.action) == ("amber", "shift")


def test_foresight_that_recovers_is_green(watch: HealthWatch) -> None:
    after(watch, 30, skill=-0.1)
    assert after(watch, 16, first=31, skill=0.2).light == "green"


def picture(n: int, classes: Any, z: int = 0) -> SnapshotTaken:
    return SnapshotTaken("r", n, "learning", ViewRequest(z, 0, 40, 0, 40, serial=n), classes, classes)


def test_a_map_that_hardly_changes_has_settled(watch: HealthWatch) -> None:
    classes = np.ones((40, 40), np.uint8)
    for number in range(1, 30):
        classes = classes.copy()
        classes[0, 0] = number  # one of 1600 pixels
        health = watch.see(step(number))
        watch.see(picture(number, classes))
        assert ("Settled" in health.sentence) == (number > 21), number  # 20 s after the first picture
    assert (health.light, health.remedy.action) == ("green", "stop")
    watch.see(picture(30, classes, z=1))  # another section: nothing is known of that
    assert watch.see(step(30)).remedy is None


def test_a_map_that_changes_has_not_settled_nor_one_whose_terms_are_not_all_at_work(watch: HealthWatch) -> None:
    rng = np.random.default_rng(0)
    watch.kinds = ("forecast", "balance", "anchor")
    for number in range(1, 60):
        watch.see(picture(number, np.ones((40, 40), np.uint8)))
        assert watch.see(step(number)).remedy is None  # "anchor" begins later
    watch.kinds = ("forecast", "balance")
    assert watch.see(step(60)).remedy is not None
    watch.see(picture(61, rng.integers(1, 20, (40, 40), dtype=np.uint8)))
    assert watch.see(step(61)).remedy is None


def test_short_memory_is_told_until_it_is_taken_note_of(watch: HealthWatch) -> None:
    health = watch.see(Notice("r", "short", 3))
    assert (health.light, health.remedy.number, health.remedy.label) == ("amber", 3, "Keep 3")
    assert watch.see(step(1)) == health
    watch.treat(health.remedy)
    assert watch.see(step(2)).light == "green"
    assert watch.see(Notice("r", "something else")) is None


def test_a_remedy_gets_time_to_work(watch: HealthWatch) -> None:
    health = after(watch, 3, effective=4.0)
    watch.treat(health.remedy)
    assert after(watch, 39, first=4, effective=4.0).light == "green"
    assert after(watch, 1, first=43, effective=4.0).light == "amber"


@pytest.mark.parametrize(("reason", "action"), [("collapsed", "raise"), ("diverged", "slower")])
def test_a_bad_end_is_red_and_names_the_remedy(watch: HealthWatch, reason: Any, action: str) -> None:
    health = watch.see(RunEnded("r", 9, reason))
    assert (health.light, health.remedy.action) == ("red", action)
    assert "last good map is kept" in health.sentence


def test_a_good_end_takes_remedies_back(watch: HealthWatch, fake_run: Any) -> None:
    after(watch, 3, effective=4.0)
    assert watch.see(fake_run().ended("finished")) == Health("green", "Done", "4 / 20 classes")


def test_a_new_run_begins_without_a_past(watch: HealthWatch, fake_run: Any) -> None:
    after(watch, 3, effective=4.0)
    assert watch.see(replace(fake_run().started(), n_classes=K)) is None
    assert after(watch, 1, effective=4.0).light == "green"
