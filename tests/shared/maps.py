"""A run, a stack, and the order to write its class map in small blocks; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from models import network_of

from napari_em_autoclass.core import predict, tiling
from napari_em_autoclass.core.checkpoint import Progress, RunFolder
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.model import Model
from napari_em_autoclass.core.recipe import DEFAULT_RECIPE
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.predict_map import MapOrder
from napari_em_autoclass.io.run_export import RunExport

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# 8 nm: a voxel is a working pixel.  3 x 3 x 3 blocks of 2 x 128 x 128 voxels, and a pyramid of two levels.
SHAPE, SIZE_NM = (5, 260, 300), (40.0, 8.0, 8.0)
N_BLOCKS = 27


@dataclass(frozen=True)
class Case:
    """A trained run and a stack."""

    folder: RunFolder
    volume: Volume
    model: Model

    def order(self, path: Path, class_map: ClassMap | None = None, **how: Any) -> MapOrder:
        """Return the order to write the map to `path`."""
        shown = {name: how.pop(name) for name in ("merged", "probabilities") if name in how}
        export = RunExport(self.folder, self.volume, class_map or ClassMap.fresh(4), **shown)
        return MapOrder(path, export, self.model, **how)


def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut small volumes into several blocks."""
    monkeypatch.setattr(tiling, "_MAX_TILE_PX", 128)
    monkeypatch.setattr(predict, "_MAX_SECTIONS", 2)


def tiny_settings() -> RunSettings:
    """Return the default recipe, with a network so small that a tile takes milliseconds."""
    changes = (
        *("n_classes=4", "device=cpu", "classifier.width=4", "classifier.depth=1", "classifier.n_features=8"),
        *("classifier.n_textons=8", "classifier.filter_scales_nm=[8.0]", "predictor.width=4"),
    )
    settings = load_recipe(DEFAULT_RECIPE)
    for change in changes:
        settings = apply_setting(settings, change)
    return settings


def case_in(folder: Path, settings: RunSettings, shape: tuple[int, int, int] = SHAPE) -> Case:
    """Return a run in `folder` whose network knows several classes in a stack of noise of many scales."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=shape) + np.kron(rng.normal(size=(1, shape[1] // 20, shape[2] // 20)), np.ones((1, 20, 20)))
    grey = (128 + 30 * noise).clip(0, 255).astype(np.uint8)
    volume = Volume(grey, SIZE_NM, "stack", "stack.zarr")
    model = network_of(volume, settings)
    run = RunFolder.create(folder, settings, volume, model.normalisation)
    return Case(run, volume, model)


def levels(path: Path) -> list[np.ndarray]:
    """Return all levels of a class map."""
    group = zarr.open_group(path, mode="r")
    return [np.asarray(group[name][:]) for name in sorted(group.array_keys())]


def save_model(case: Case) -> Path:
    """Save what the run of `case` learned, for other processes, and return its folder."""
    state = case.model.classifier.state_dict()
    tensors = {f"student.{name}": tensor.clone().contiguous() for name, tensor in state.items()}
    case.folder.save_weights(tensors, Progress(step=1, stage="done", has_classes=True))
    return case.folder.path
