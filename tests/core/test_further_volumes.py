"""A run on several volumes: trained, saved, resumed and used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.further_volumes import Further
from napari_em_autoclass.core.predict import predict_blocks
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume


@pytest.fixture
def other(volume: Volume) -> Volume:
    """Give another stack, of other voxels and grey values."""
    data = volume.data[:, :, ::-1].astype(np.uint16)[::2] * 7 + 300
    z, y, x = volume.voxel_size_nm
    return Volume(data, (2 * z, y, x), "other", "other.tif")


def tensors_of(run: Path) -> dict[str, torch.Tensor]:
    return RunFolder.open(run).load_weights()[0]


@pytest.mark.slow
def test_a_run_learns_from_all_its_volumes_and_keeps_what_it_knows_of_them(
    volume: Volume, other: Volume, settings: RunSettings, tmp_path: Path
) -> None:
    also = (Further(other, (2,)),)
    whole, parts, alone = (tmp_path / name for name in ("whole", "parts", "alone"))
    list(Trainer(volume, settings, run_dir=whole, also=also).events())
    stored = json.loads((whole / "run.json").read_text())["more_volumes"]
    assert [(one["volume"]["name"], one["skip_sections"]) for one in stored] == [("other", [2])]

    # Begun, and taken up with the volumes in another order: the same to the bit.
    list(Trainer(volume, apply_setting(settings, "training.steps=10"), run_dir=alone).events())
    running = Trainer(volume, settings, run_dir=parts, also=also).events()
    for event in running:
        if getattr(event, "step", 0) == 4 and type(event).__name__ == "StepDone":
            break
    running.close()
    list(Trainer(other, settings, run_dir=parts, resume=True, also=(Further(volume),)).events())
    resumed, expected = tensors_of(parts), tensors_of(whole)
    assert resumed.keys() == expected.keys()
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)
    assert not torch.equal(expected["student.mean"], tensors_of(alone)["student.mean"])

    model = RunFolder.open(whole).model()
    assert model.working(volume).normalisation == RunFolder.open(whole).normalisation
    assert model.working(other).normalisation == RunFolder.open(whole).more[0].normalisation
    for one in (volume, other):
        blocks = list(predict_blocks(model, one))
        assert sum(block.classes.size for block in blocks) == np.prod(one.shape_zyx)

    with pytest.raises(InputError, match=r"trained on 2 volumes \(phantom, other\).*missing: other"):
        Trainer(volume, settings, run_dir=whole, resume=True)
    with pytest.raises(InputError, match="was not trained on other"):
        Trainer(volume, settings, run_dir=alone, resume=True, also=(Further(other),))


def test_a_region_is_refused_with_several_volumes(volume: Volume, other: Volume, settings: RunSettings) -> None:
    with pytest.raises(InputError, match="region is a box of one volume"):
        Trainer(volume, settings.replace(region="0:3,0:64,0:64"), also=(Further(other),))


def test_unlike_pixel_sizes_are_refused(volume: Volume, settings: RunSettings) -> None:
    z, y, x = volume.voxel_size_nm
    coarse = Volume(volume.data, (z, 4 * y, 4 * x), "coarse")
    with pytest.raises(InputError, match=r"unlike pixel sizes.*working_pixel_nm"):
        Trainer(volume, settings, also=(Further(coarse),))
