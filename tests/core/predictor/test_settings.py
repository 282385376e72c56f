from __future__ import annotations

from typing import get_args

import pytest
import torch

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.predictor import AnyPredictor, PredictorSettings, make_predictor

SETTINGS = PredictorSettings(width=8)
KINDS = get_args(PredictorSettings.model_fields["kind"].annotation)


@pytest.mark.parametrize("width", [3, 257])
def test_impossible_widths_are_refused(width: int) -> None:
    with pytest.raises(InputError, match="width"):
        SETTINGS.replace(width=width)


def test_each_kind_is_made_and_each_is_another() -> None:
    made = {kind: make_predictor(SETTINGS.replace(kind=kind), 5, 4) for kind in KINDS}
    assert {type(predictor) for predictor in made.values()} == set(get_args(AnyPredictor))


@pytest.mark.parametrize("kind", KINDS)
def test_each_foretells_one_section_of_any_even_size(kind: str) -> None:
    torch.manual_seed(0)
    predictor = make_predictor(SETTINGS.replace(kind=kind), 5, 4).train()
    for h, w in ((8, 12), (26, 34)):
        maps = torch.randn(2, 4, 5, h, w).softmax(dim=2)
        logits = predictor(maps)
        assert logits.shape == (2, 5, h, w)
        assert torch.isfinite(logits).all()
