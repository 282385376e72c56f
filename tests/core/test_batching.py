from __future__ import annotations

import typing

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.batching import BatchMaker, MadeBatch, _spread
from napari_em_autoclass.core.device import Device
from napari_em_autoclass.core.learner import Learner
from napari_em_autoclass.core.losses import Part
from napari_em_autoclass.core.mean_teacher import MeanTeacher
from napari_em_autoclass.core.model import working_volume
from napari_em_autoclass.core.phantom import Phantom
from napari_em_autoclass.core.regions import UNKNOWN
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.volume import Volume

CPU = Device("cpu", "")
PASSES = ("view", "turned", "neighbour", "masked", "teacher", "teacher_neighbour")
SIZE = 32


@pytest.fixture
def learner(phantom: Phantom, fast_settings: RunSettings) -> Learner:
    made = Learner(working_volume(Volume(phantom.raw, phantom.voxel_size_nm), fast_settings), fast_settings, CPU)
    made.begin(fast_settings)
    made.recluster(fast_settings, 0, afresh=False)
    made.mean_teacher = MeanTeacher(made.student)
    return made


def make(learner: Learner, settings: RunSettings, *parts: Part, seed: int = 0) -> MadeBatch:
    """Make a batch of two tiles."""
    drawn = learner.tiles.draw(settings, 0, 2, np.random.default_rng(seed))
    maker = BatchMaker(learner.student.train(), learner.predictor, learner.tiles.offsets, (40.0, 8.0), CPU)
    generator = torch.Generator().manual_seed(seed)
    return maker.make(drawn, settings, frozenset(parts), learner.mean_teacher, generator)


def test_nothing_is_made_that_nobody_asked_for(learner: Learner, fast_settings: RunSettings) -> None:
    batch, labels, skill = make(learner, fast_settings, "forecasts")
    assert batch.forecasts.keys() >= {"own"}
    assert not batch.seen
    assert (labels, skill) == (None, None)
    assert all(getattr(batch, part) is None for part in ("hidden", "sections", "predicted_logits", "anchor"))


@pytest.mark.parametrize("part", PASSES)
def test_a_pass_shows_the_same_pixels_in_the_same_sizes(
    learner: Learner, fast_settings: RunSettings, part: Part
) -> None:
    batch = make(learner, fast_settings, "logits", part).batch
    assert batch.seen.keys() == {part}
    assert batch.features is not None
    assert (
        batch.seen[part].features.shape == batch.features.shape == (2, fast_settings.classifier.n_features, SIZE, SIZE)
    )
    assert batch.seen[part].logits.shape == batch.logits.shape == (2, fast_settings.n_classes, SIZE, SIZE)
    assert batch.seen[part].logits.requires_grad == (not part.startswith("teacher"))
    assert batch.seen[part].features.dtype == torch.float32


def test_every_part_can_be_asked_for_at_once(learner: Learner, fast_settings: RunSettings) -> None:
    batch, labels, skill = make(learner, fast_settings, *typing.get_args(Part))
    assert set(batch.seen) == set(PASSES)
    assert batch.predicted_logits is not None
    assert batch.sections is not None
    assert batch.sections.shape == (2, len(batch.offsets), SIZE, SIZE)
    assert labels is not None
    assert len(labels) == int(batch.mask.sum())
    assert skill is not None


def test_the_turned_pass_is_turned_back(
    learner: Learner, fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network that shows the image itself, and no change of contrast: every pass is then the image.
    monkeypatch.setattr("napari_em_autoclass.core.batching.change_contrast", lambda image, *_: image)
    monkeypatch.setattr(learner.student, "features", lambda image: image.expand(-1, 40, -1, -1))
    monkeypatch.setattr(learner.student, "classify", lambda features: features[:, : fast_settings.n_classes])
    for seed in range(4):
        batch = make(learner, fast_settings, "logits", "turned", seed=seed).batch
        assert torch.equal(batch.seen["turned"].features, batch.features)
        assert torch.equal(batch.seen["turned"].logits, batch.logits)


def test_the_masked_pass_sees_nothing_of_what_is_hidden(
    learner: Learner, fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_em_autoclass.core.batching.change_contrast", lambda image, *_: image + 5)
    monkeypatch.setattr(learner.student, "features", lambda image: image.expand(-1, 40, -1, -1))
    monkeypatch.setattr(learner.student, "classify", lambda features: features[:, : fast_settings.n_classes])
    shares = []
    for seed in range(8):
        batch = make(learner, fast_settings, "logits", "masked", seed=seed).batch
        assert batch.hidden is not None
        assert batch.features is not None
        seen = batch.seen["masked"].features[:, 0]
        assert not seen[batch.hidden].any()
        assert torch.equal(seen[~batch.hidden], batch.features[:, 0][~batch.hidden])
        shares.append(float(batch.hidden.float().mean()))
    assert np.mean(shares) == pytest.approx(0.4, abs=0.08)


def test_neighbour_passes_show_the_same_section_next_door(
    learner: Learner, fast_settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_em_autoclass.core.batching.change_contrast", lambda image, *_: image)
    for network in (learner.student, learner.mean_teacher.network):
        monkeypatch.setattr(network, "features", lambda image: image.expand(-1, 40, -1, -1))
        monkeypatch.setattr(network, "classify", lambda features: features[:, : fast_settings.n_classes])
    sides = set()
    for seed in range(8):
        batch = make(learner, fast_settings, "logits", "neighbour", "teacher_neighbour", "sections", seed=seed).batch
        shown = batch.seen["neighbour"].features[:, 0]
        assert torch.equal(shown, batch.seen["teacher_neighbour"].features[:, 0])
        assert torch.equal(shown, batch.sections[:, batch.beside])
        sides.add(batch.beside)
    assert sides == {1, 2}


def test_the_edge_of_a_tile_is_masked(learner: Learner, fast_settings: RunSettings) -> None:
    mask = make(learner, fast_settings, "logits").batch.mask
    assert not mask[:, :8].any()
    assert not mask[:, :, -8:].any()
    assert mask[:, 8:-8, 8:-8].all()


def test_the_same_seed_makes_the_same_batch(learner: Learner, fast_settings: RunSettings) -> None:
    learner.student.eval()
    one, other = (make(learner, fast_settings, *typing.get_args(Part), seed=3).batch for _ in range(2))
    assert torch.equal(one.logits, other.logits)
    assert all(torch.equal(one.seen[name].features, other.seen[name].features) for name in PASSES)


def test_a_known_class_is_certain_and_an_unknown_one_undecided() -> None:
    classes = torch.tensor([[[[2, UNKNOWN], [0, 1]]]])  # (B, S, H, W)
    probs = _spread(classes, 4)
    assert probs.shape == (1, 1, 4, 2, 2)
    assert probs[0, 0, :, 0, 0].tolist() == [0, 0, 1, 0]
    assert probs[0, 0, :, 0, 1].tolist() == [0.25] * 4
    assert (probs.sum(dim=2) == 1).all()


def test_each_neighbour_keeps_its_own_classes() -> None:
    classes = torch.randint(5, (2, 3, 4, 6), generator=torch.Generator().manual_seed(0))  # (B, S, H, W)
    probs = _spread(classes, 5)
    assert probs.shape == (2, 3, 5, 4, 6)
    assert torch.equal(probs.argmax(dim=2), classes)
