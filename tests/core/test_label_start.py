from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.label_start import LabelStart
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe

START = LabelStart(
    source="truth.tif", labels=(2, 2**64 - 1), names=("", "mitochondria"), responses=((0.5, -1.25), (1e-6, 3.0))
)


def test_it_survives_json_in_the_settings_of_a_run() -> None:
    settings = load_recipe("neighbour-forecast").replace(start=START)
    stored = json.loads(json.dumps(settings.model_dump(mode="json")))
    assert RunSettings.model_validate(stored) == settings
    assert settings.first_names == ("", "mitochondria")
    assert load_recipe("neighbour-forecast").first_names == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": (2, 2)},
        {"labels": (9, 2)},
        {"labels": (0, 2)},
        {"labels": (1, 2, 3)},
        {"names": ("mitochondria",)},
        {"names": ("", "x" * 1001)},
        {"responses": ((0.5,), (1.0, 2.0))},
        {"responses": ((0.5, float("nan")), (1.0, 2.0))},
        {"responses": ((0.5,) * 33, (1.0,) * 33)},
        {"responses": ((), ())},
        {"labels": tuple(range(1, 256)), "names": (), "responses": ((0.0,),) * 255},
    ],
)
def test_what_nobody_measured_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        START.replace(**changes)


def test_a_run_needs_as_many_classes_as_labels() -> None:
    settings = load_recipe("neighbour-forecast").replace(n_classes=2, start=START)
    three = LabelStart(labels=(1, 2, 3), responses=((0.0,), (1.0,), (2.0,)))
    with pytest.raises(InputError, match="3 labels to start from need as many classes; n_classes is 2"):
        settings.replace(start=three)


def test_it_holds_nothing_else() -> None:
    with pytest.raises(ValidationError):
        LabelStart.model_validate({**START.model_dump(), "voxels": [1, 2, 3]})
