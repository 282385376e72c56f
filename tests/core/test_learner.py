from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_em_autoclass.core import learner as learner_module
from napari_em_autoclass.core.device import Device
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.learner import Learner, StepOut
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

CPU = Device("cpu", "")


@pytest.fixture
def working(phantom: Phantom, fast_settings: RunSettings) -> WorkingVolume:
    return working_volume(Volume(phantom.raw, phantom.voxel_size_nm), fast_settings)


@pytest.fixture
def learner(working: WorkingVolume, fast_settings: RunSettings) -> Learner:
    """Give a learner with a sketch, three steps old."""
    made = Learner(working, fast_settings, CPU)
    made.begin(fast_settings)
    for step in range(3):
        made.step(fast_settings, step, 0.1)
    return made


@pytest.fixture
def refining(learner: Learner, fast_settings: RunSettings) -> Learner:
    learner.recluster(fast_settings, 3, afresh=True)
    learner.start_refining(0)  # long enough ago for the teacher to have class maps
    return learner


def moved(learner: Learner, before: dict[str, torch.Tensor]) -> set[str]:
    """Name the parts that changed since `before`."""
    return {name.split(".")[0] for name, tensor in learner.tensors().items() if not torch.equal(before[name], tensor)}


def test_a_learner_begins_with_filters_and_goes_over_to_the_network(
    learner: Learner, fast_settings: RunSettings
) -> None:
    assert learner.classifier is learner.sketch
    learner.recluster(fast_settings, 3, afresh=False)
    assert learner.classifier is learner.student
    assert learner.teacher is None


def test_initial_weights_follow_the_seed_alone(working: WorkingVolume, fast_settings: RunSettings) -> None:
    states = []
    for seed in (0, 0, 1):
        torch.rand(7)
        states.append(Learner(working, fast_settings.replace(seed=seed), CPU).student.backbone.state_dict())
    weight = "last.weight"
    assert torch.equal(states[0][weight], states[1][weight])
    assert not torch.equal(states[0][weight], states[2][weight])


def test_foretelling_textures_trains_the_network_alone(learner: Learner, fast_settings: RunSettings) -> None:
    before = learner.tensors()
    out = learner.step(fast_settings, 3, 0.1)
    assert out.terms.keys() == {"forecast"}
    assert out.skill is None
    assert moved(learner, before) == {"student", "optimiser"}


def test_refining_trains_predictor_and_network_but_never_the_teacher(
    refining: Learner, fast_settings: RunSettings
) -> None:
    refining.step(fast_settings, 3, 0.8)
    before = refining.tensors()
    out = refining.step(fast_settings, 4, 0.8)
    assert moved(refining, before) == {"student", "predictor", "optimiser", "usage"}
    assert out.terms.keys() >= {"anchor", "balance", "neighbour_information", "view_information"}
    assert out.skill is not None
    assert np.isfinite(out.skill)


def test_a_step_can_be_repeated_from_its_tensors(
    refining: Learner, working: WorkingVolume, fast_settings: RunSettings
) -> None:
    kept = refining.tensors()
    copy = Learner(working, fast_settings.replace(seed=fast_settings.seed), CPU)
    copy.load_tensors(kept, has_classes=True)
    assert copy.classifier is copy.student
    assert copy.teacher is not None
    outs = [[each.step(fast_settings, step, 0.8) for step in (3, 4)] for each in (refining, copy)]
    assert outs[0] == outs[1]
    one, other = refining.tensors(), copy.tensors()
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_tensors_are_copies(learner: Learner, fast_settings: RunSettings) -> None:
    kept = learner.tensors()
    before = {name: tensor.clone() for name, tensor in kept.items()}
    learner.step(fast_settings, 3, 0.1)
    assert all(torch.equal(kept[name], before[name]) for name in kept)


def test_the_learning_rate_warms_up_and_falls(learner: Learner, fast_settings: RunSettings) -> None:
    def rate(step: int, fraction: float) -> float:
        learner.step(fast_settings, step, fraction)
        return float(learner.optimiser.param_groups[0]["lr"]) / fast_settings.training.learning_rate

    assert rate(0, 0.0) == pytest.approx(1 / 20)
    assert rate(9, 0.0) == pytest.approx(10 / 20)
    assert rate(100, 0.0) == pytest.approx(1)
    assert rate(100, 0.5) == pytest.approx(0.51)
    assert rate(100, 1.0) == pytest.approx(0.02)
    assert rate(100, 1.7) == pytest.approx(0.02)


def test_settings_of_now_count(learner: Learner, fast_settings: RunSettings) -> None:
    changed = apply_setting(apply_setting(fast_settings, "training.learning_rate=0.5"), "training.weight_decay=0.25")
    learner.step(changed, 50, 0.0)
    assert learner.optimiser.param_groups[0]["lr"] == pytest.approx(0.5)
    assert learner.optimiser.param_groups[0]["weight_decay"] == 0.25


def test_with_classes_in_play_half_as_many_tiles_are_drawn(
    refining: Learner, fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draw = refining.tiles.draw
    monkeypatch.setattr(
        refining.tiles,
        "draw",
        lambda settings, step, n, rng, **how: (drawn.append(n), draw(settings, step, n, rng, **how))[1],
    )
    for tiles, fraction in ((6, 0.1), (6, 0.8), (1, 0.8)):
        refining.step(apply_setting(fast_settings, f"training.tiles_per_step={tiles}"), 3, fraction)
    assert drawn == [6, 3, 1]


def test_without_an_active_term_a_step_costs_nothing(learner: Learner, fast_settings: RunSettings) -> None:
    out = learner.step(fast_settings.replace(terms=()), 3, 0.1)
    assert (out.total, out.terms) == (0.0, {})


def test_usage_is_smoothed_and_the_share_is_of_the_step_alone(refining: Learner, fast_settings: RunSettings) -> None:
    before = refining.usage.clone()
    out: StepOut = refining.step(fast_settings, 3, 0.8)
    expected = 0.9 * before + 0.1 * torch.tensor(out.share)
    torch.testing.assert_close(torch.tensor(out.usage), expected)
    assert sum(out.share) == pytest.approx(1)


def test_a_loss_that_is_not_finite_is_raised_before_it_does_harm(
    learner: Learner, fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = learner_module.objective

    def spoilt(*arguments):
        out = objective(*arguments)
        return out._replace(total=out.total * float("nan"))

    monkeypatch.setattr(learner_module, "objective", spoilt)
    before = [parameter.clone() for parameter in learner.student.parameters()]
    with pytest.raises(FloatingPointError, match="step 3; lower the learning rate"):
        learner.step(fast_settings, 3, 0.1)
    assert all(torch.equal(a, b) for a, b in zip(before, learner.student.parameters(), strict=True))


def test_a_learner_refuses_a_stack_too_small(fast_settings: RunSettings) -> None:
    data = np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)
    with pytest.raises(InputError, match="at least 3"):
        Learner(working_volume(Volume(data, (40.0, 8.0, 8.0)), fast_settings), fast_settings, CPU)


def test_until_the_teacher_has_a_class_map_only_forecasts_are_learned(
    learner: Learner, fast_settings: RunSettings
) -> None:
    learner.recluster(fast_settings, 3, afresh=True)
    learner.start_refining(3)
    parts = [learner.step(fast_settings, step, 0.8).terms.keys() for step in range(3, 12)]
    assert parts[0] == {"forecast"}
    assert parts[-1] >= {"forecast", "anchor", "neighbour_information"}
