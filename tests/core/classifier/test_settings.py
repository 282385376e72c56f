from __future__ import annotations

import pytest

from napari_em_autoclass.core.classifier.settings import ClassifierSettings
from napari_em_autoclass.core.errors import InputError


def test_defaults_are_those_of_runs_made_before_there_was_a_choice() -> None:
    settings = ClassifierSettings()
    assert (settings.backbone, settings.head, settings.context) == ("unet2d", "linear", 0)
    assert ClassifierSettings.model_validate({"width": 16, "depth": 4, "n_features": 32}) == settings


def test_only_the_network_of_three_sections_has_a_context() -> None:
    assert ClassifierSettings(backbone="unet25d").context == 1
    assert ClassifierSettings(backbone="vit").context == 0


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x.safetensors", "a/b.safetensors", r"c:\x.safetensors", ".safetensors", "model.pth", "x.pkl"],
)
def test_weights_are_named_and_not_pointed_at(name: str) -> None:
    with pytest.raises(InputError, match="weights_file"):
        ClassifierSettings().replace(weights_file=name)


@pytest.mark.parametrize("name", ["hf-hub:somebody/something", "local-dir:/tmp", "a b", "Ü"])
def test_a_transformer_is_named_and_not_fetched(name: str) -> None:
    with pytest.raises(InputError, match="vit_name"):
        ClassifierSettings().replace(vit_name=name)


@pytest.mark.parametrize("name", ["", "vit_small_patch14_dinov2.lvd142m", "samvit_base_patch16.sa1b"])
def test_names_of_timm_and_of_its_files_are_taken(name: str) -> None:
    file = f"{name}-of-mine.safetensors" if name else ""
    settings = ClassifierSettings(vit_name=name, weights_file=file)
    assert (settings.vit_name, settings.weights_file) == (name, file)


@pytest.mark.parametrize(
    ("field", "value"), [("backbone", "resnet"), ("head", "mlp"), ("head_temperature", 0), ("slot_iterations", 4)]
)
def test_impossible_kinds_are_refused(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        ClassifierSettings().replace(**{field: value})
