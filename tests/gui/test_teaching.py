from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.teaching import TeachOrder, teach
from napari_em_autoclass.io.probe_file import load_probe


def test_a_real_run_learns_what_is_painted(phantom: Any, fast_settings: Any, tmp_path: Path) -> None:
    volume = Volume(phantom.raw, phantom.voxel_size_nm)
    settings = fast_settings.replace(training=fast_settings.training.replace(steps=1))
    list(Trainer(volume, settings, run_dir=tmp_path / "run").events())
    painted = np.zeros(volume.shape_zyx, np.uint8)
    painted[1, 5:9, 5:9], painted[1, 40:44, 40:44] = 3, 9
    told: list[float] = []
    found = teach(TeachOrder(tmp_path / "run", volume, painted, (1, 4)), told.append)
    assert found.ids == (3, 9)
    assert [z for z, _ in found.sections] == [1, 4]
    assert set(np.unique(found.sections[0][1])) <= {3, 9}
    assert found.sections[0][1].shape == (64, 64)
    assert told == sorted(told)
    assert told[-1] <= 1
    assert load_probe(tmp_path / "run" / "probe.safetensors").ids == (3, 9)
