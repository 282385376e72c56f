"""A real run of some steps on a stack in a file, made in a second; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from safetensors.numpy import save_file

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting, load_recipe
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.io import open_volume

if TYPE_CHECKING:
    from napari_em_autoclass.core.phantom import Phantom

K = 4
STEPS = 3


def tiny_settings(*changes: str, threads: int | None = 1) -> RunSettings:
    settings = load_recipe("neighbour-forecast")
    small = (
        f"n_classes={K}",
        "device=cpu",
        f"training.steps={STEPS}",
        "training.tiles_per_step=2",
        "training.pixels_per_tile=256",
        "tiles.size_px=32",
        "tiles.region_px=32",
        "tiles.n_regions=2",
        "classifier.width=4",
        "classifier.depth=2",
        "classifier.n_features=8",
        "classifier.n_textons=8",
        "classifier.filter_scales_nm=[8.0, 16.0]",
        "predictor.width=4",
    )
    own = (f"training.threads={threads}",) if threads is not None else ()
    for change in (*small, *own, *changes):
        settings = apply_setting(settings, change)
    return settings


def write_stack(phantom: Phantom, at: Path) -> Path:
    z, y, x = phantom.voxel_size_nm
    sizes: dict[str, Any] = {"PhysicalSizeZ": z, "PhysicalSizeY": y, "PhysicalSizeX": x}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    tifffile.imwrite(at, phantom.raw, ome=True, metadata={"axes": "ZYX", **sizes, **units})
    return at


def make_tiny_run(phantom: Phantom, folder: Path, *changes: str) -> tuple[Path, Path]:
    """Return the folder of a run with a merge, a name and an undo to take back, and the file of its stack."""
    stack = write_stack(phantom, folder / "my stack.ome.tif")
    run_dir = folder / "run"
    list(Trainer(open_volume(stack), tiny_settings(*changes), run_dir=run_dir).events())
    history = History.of(ClassMap.fresh(K))
    history = history.do(history.present.rename(3, "mitochondria"))
    history = history.do(history.present.merge([1, 2], "rest"))
    history = history.do(history.present.recolour(4, "#123456")).undo()
    RunFolder.open(run_dir).save_history(history)
    return run_dir, stack


def copy_run(made: tuple[Path, Path], to: Path) -> tuple[Path, Path]:
    """Return a copy of a run and its stack, for a test that changes them."""
    run_dir, stack = (to / path.name for path in made)
    shutil.copytree(made[0], run_dir)
    shutil.copy(made[1], stack)
    content = json.loads((run_dir / "run.json").read_text())
    content["volume"]["source"] = str(stack)
    (run_dir / "run.json").write_text(json.dumps(content))
    return run_dir, stack


def make_run_files(folder: Path, fingerprint: str, step: int = 240, stage: str = "done", age_s: float = 0.0) -> Path:
    """Return a folder that looks like a run from outside, saved on 4 May 2026 at 14:02."""
    folder.mkdir(parents=True)
    settings = {"recipe": "neighbour-forecast", "n_classes": 20}
    content = {"schema_version": 1, "settings": settings, "volume": {"fingerprint": fingerprint}}
    (folder / "run.json").write_text(json.dumps(content))
    progress = json.dumps({"step": step, "elapsed_s": 1.0, "stage": stage, "has_classes": True})
    save_file({"w": np.zeros(2, np.float32)}, folder / "weights.safetensors", {"progress": progress})
    when = datetime(2026, 5, 4, 14, 2).timestamp() - age_s
    os.utime(folder / "weights.safetensors", (when, when))
    return folder
