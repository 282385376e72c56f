"""Every kind of network, head and predictor does a whole run, and its folder gives the same map back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runs import changed, class_map, curves, kinds_of, played
from tiny_timm import TINY, TINY_SAM, put_in_place

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume

CHOICES = [
    *(f"classifier.backbone={kind}" for kind in ("unet25d", "filters", "vit")),
    *(f"classifier.head={kind}" for kind in ("cosine", "slots", "guided_slots")),
    *(f"predictor.kind={kind}" for kind in ("local_attention", "transformer", "neighbour_mean")),
]

# Classes from the filters, remade once, and the refinement of them.
_SHORT = ("training.steps=6", "training.recluster_steps=2")


@pytest.mark.parametrize("choice", CHOICES)
def test_a_run_ends_with_a_map_and_can_be_repeated(
    volume: Volume, settings: RunSettings, tmp_path: Path, choice: str
) -> None:
    wanted = changed(settings, choice, *_SHORT, "training.keep_best=false")
    maps, logs = [], []
    for name in ("one", "two"):
        events = played(Trainer(volume, wanted, run_dir=tmp_path / name))
        assert "RunFailed" not in kinds_of(events)
        assert RunFolder.open(tmp_path / name).load_weights()[1].has_classes
        maps.append(class_map(tmp_path / name, volume))
        logs.append(curves(tmp_path / name))
    assert np.array_equal(*maps)
    assert logs[0] == logs[1]
    assert len(np.unique(maps[0])) > 1


@pytest.mark.parametrize(("kind", "name"), [("frozen_vit", TINY), ("sam", TINY_SAM)])
def test_a_run_with_a_transformer_from_a_file_needs_that_file_and_holds_no_copy_of_it(
    volume: Volume,
    settings: RunSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kind: str,
    name: str,
) -> None:
    put_in_place(monkeypatch, tmp_path)
    wanted = changed(settings, f"classifier.backbone={kind}", f"classifier.vit_name={name}", "training.keep_best=false")
    assert "RunFailed" not in kinds_of(played(Trainer(volume, wanted, run_dir=tmp_path / "run")))
    tensors, _ = RunFolder.open(tmp_path / "run").load_weights()
    assert not any("patch_embed" in tensor or ".net." in tensor for tensor in tensors)
    assert len(np.unique(class_map(tmp_path / "run", volume))) > 1
    (tmp_path / f"{name}.safetensors").unlink()
    with pytest.raises(InputError, match=f"{name}.safetensors: download"):
        RunFolder.open(tmp_path / "run").model()
