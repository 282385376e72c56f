"""The network that leaves the house answers as the run does at home: ids, and probabilities within their rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_model import KINDS, exported_of, model_of, random_volume
from tiny_run import K, tiny_settings

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.exported_model import ExportedModel, channels_of, check_can_leave
from napari_em_autoclass.core.model import Model, fingerprint
from napari_em_autoclass.core.normalise import fit_normalisation
from napari_em_autoclass.core.snapshot import ViewMap
from napari_em_autoclass.core.split import FoundParts, Split
from napari_em_autoclass.core.volume import Volume

# At home probabilities are rounded to bytes; the rest is float arithmetic in another order.
ATOL = 0.5 / 255 + 1e-5


@pytest.fixture(scope="module")
def volume() -> Volume:
    return random_volume()


def at_home(model: Model, volume: Volume, ids: tuple[int, ...], splits: tuple[Split, ...] = ()) -> ViewMap:
    """Return what the run itself says of the section in the middle."""
    _, height, width = volume.shape_zyx
    view = ViewRequest(1, 0, height, 0, width, prob_classes=ids, splits=splits)
    return model.classify(model.working(volume), view)


def answer(exported: ExportedModel, sections: np.ndarray) -> np.ndarray:
    """Return probabilities (K, H, W) of the section in the middle of three."""
    seen = sections if exported.n_sections == 3 else sections[1:2]
    with torch.no_grad():
        return exported(torch.from_numpy(seen[None].astype(np.float32)))[0].numpy()


def inside(exported: ExportedModel, maps: np.ndarray) -> np.ndarray:
    (y, x), (height, width) = exported.halo_px, maps.shape[-2:]
    return maps[..., y : height - y, x : width - x]


@pytest.mark.parametrize(("backbone", "head"), KINDS)
def test_every_kind_of_network_answers_as_at_home(backbone: str, head: str, volume: Volume) -> None:
    exported = exported_of(backbone, head, volume=volume)
    assert exported.factors_yx == (2, 2)  # binning and the way back are inside
    home = at_home(model_of(backbone, head, volume=volume), volume, tuple(range(1, K + 1)))
    found = answer(exported, np.asarray(volume.data))
    wanted = np.stack([prob for _, prob in home.probs]) / 255
    assert inside(exported, found).size > 4 * 16 * 16
    assert np.abs(inside(exported, found - wanted)).max() <= ATOL
    first, second = np.sort(found, axis=0)[[-1, -2]]
    is_clear = inside(exported, first - second > 1e-4)
    assert is_clear.mean() > 0.9
    same = inside(exported, found.argmax(axis=0) + 1 == home.classes)
    assert same[is_clear].all()
    assert len(np.unique(home.classes)) > 1
    assert np.abs(found.sum(axis=0) - 1).max() < 1e-5


def test_a_whole_section_with_its_mirror_around_it_answers_as_at_home_up_to_its_ends(volume: Volume) -> None:
    fine = "working_pixel_nm=4"
    exported = exported_of("unet2d", "linear", fine, volume=volume)
    assert exported.factors_yx == (1, 1)
    home = at_home(model_of("unet2d", "linear", fine, volume=volume), volume, (1, 2, 3, 4))
    (down, right), sections = exported.halo_px, np.asarray(volume.data)
    around = np.pad(sections, ((0, 0), (down, down), (right, right)), mode="reflect")
    found = inside(exported, answer(exported, around))
    assert found.shape == (K, *volume.shape_zyx[1:])
    assert np.abs(found - np.stack([prob for _, prob in home.probs]) / 255).max() <= ATOL


def test_sections_of_other_contrast_are_brought_to_centre_and_spread_first(volume: Volume) -> None:
    model = model_of("unet2d", "linear", "normalisation.per_section=true", volume=volume)
    fitted = fit_normalisation(volume, model.settings.normalisation)
    assert len(set(fitted.section_centre)) > 1
    exported = ExportedModel(model, volume.voxel_size_nm, ClassMap.fresh(K))
    assert exported.facts()["input"]["trained_on_sections_brought_to_centre_and_spread"]
    centre, spread = (np.array(each)[:, None, None] for each in (fitted.section_centre, fitted.section_spread))
    brought = (np.asarray(volume.data) - centre) / spread * fitted.spread + fitted.centre
    wanted = np.stack([prob for _, prob in at_home(model, volume, (1, 2, 3, 4)).probs]) / 255
    assert np.abs(inside(exported, answer(exported, brought) - wanted)).max() <= ATOL
    assert np.abs(inside(exported, answer(exported, np.asarray(volume.data)) - wanted)).max() > 10 * ATOL


def test_merged_classes_are_summed_and_split_ones_come_in_parts(volume: Volume) -> None:
    model = model_of("unet2d", "linear", volume=volume)
    n_embedding = model.classifier.head.in_channels
    centres = np.random.default_rng(0).normal(size=(2, n_embedding)).tolist()
    found = FoundParts(3, tuple(map(tuple, centres)), 5.0, model.weights)
    class_map = ClassMap.fresh(K)
    split = Split.of(found, (), K, class_map.color_of(3))
    class_map = replace(class_map, splits=(split,)).merge([1, 4], "cytoplasm").merge([2, split.ids[0]], "organelles")
    exported = ExportedModel(model, volume.voxel_size_nm, class_map, merged=True)
    assert [(each.ids, each.name) for each in exported.channels] == [
        ((1, 4), "cytoplasm"),
        ((2, 5), "organelles"),
        ((6,), "class 3 b"),
    ]
    assert exported.channels[0].color == class_map.color_of(1)
    home = dict(at_home(model, volume, (1, 2, 4, 5, 6), (split,)).probs)
    for channel, prob in zip(exported.channels, answer(exported, np.asarray(volume.data)), strict=True):
        wanted = sum(home[i].astype(float) for i in channel.ids) / 255
        assert np.abs(inside(exported, prob - wanted)).max() <= len(channel.ids) * ATOL


def test_unmerged_classes_are_as_learned_whatever_was_decided(volume: Volume) -> None:
    model = model_of("unet2d", "linear", volume=volume)
    class_map = ClassMap.fresh(K).rename(2, "membrane").merge([1, 2], "both")
    channels = channels_of(model, class_map, merged=False)
    assert [each.ids for each in channels] == [(1,), (2,), (3,), (4,)]
    assert [each.name for each in channels] == ["class 1", "membrane", "class 3", "class 4"]


def test_a_split_of_other_weights_is_refused(volume: Volume) -> None:
    model = model_of("unet2d", "linear", volume=volume)
    found = FoundParts(3, ((0.0, 1.0), (1.0, 0.0)), 1.0, "student@1")
    class_map = replace(ClassMap.fresh(K), splits=(Split.of(found, (), K, "#123456"),))
    with pytest.raises(InputError, match="class 3 was split before the run was trained on"):
        ExportedModel(model, volume.voxel_size_nm, class_map, merged=True)
    assert ExportedModel(model, volume.voxel_size_nm, class_map).n_classes == K


@pytest.mark.parametrize("backbone", ["frozen_vit", "sam"])
def test_a_network_on_a_transformer_of_somebody_else_stays(backbone: str) -> None:
    with pytest.raises(InputError, match="licence of their own; train with unet2d"):
        check_can_leave(tiny_settings(f"classifier.backbone={backbone}"))


def test_facts_say_what_goes_in_and_what_comes_out(volume: Volume) -> None:
    exported = exported_of("unet25d", "linear", volume=volume)
    facts = exported.facts()
    assert facts["input"]["sections"] == 3
    assert facts["voxel_size_nm"] == [50.0, 4.0, 4.0]
    assert facts["working_pixel_nm"] == [8.0, 8.0]
    assert facts["step_px"] == [4, 4]
    assert [each["name"] for each in facts["classes"]] == [f"class {k}" for k in range(1, K + 1)]
    assert facts["least_px"] == [2 * facts["halo_px"][0] + 4] * 2
    with torch.no_grad():
        assert exported(torch.zeros(1, 3, *exported.least_px)).shape == (1, K, *exported.least_px)


def test_the_model_it_was_made_of_stays_as_it_was(volume: Volume) -> None:
    model = model_of("filters", "linear", volume=volume)
    before = {name: tensor.clone() for name, tensor in model.classifier.state_dict().items()}
    ExportedModel(model, volume.voxel_size_nm, ClassMap.fresh(K))
    after = model.classifier.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())
    assert fingerprint(volume) == model.volume_fingerprint
