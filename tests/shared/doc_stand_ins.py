"""Small stacks, runs and maps under the names that the documentation uses; on the path of the tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import zarr

from napari_em_autoclass.cli.phantom import write_phantom
from napari_em_autoclass.cli.predict import Writing, write_classes
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.phantom import make_phantom
from napari_em_autoclass.core.run_settings import RunSettings, load_recipe
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.io import open_volume

_STACKS = {"stack.ome.tif": "stack.ome.tif", "my-stack.ome.tif": "stack.ome.tif", "stack.npy": "stack.npy"}
_STACKS |= dict.fromkeys(
    ("stack.ome.zarr", "first.ome.zarr", "another-stack.zarr", "sister-stack.zarr", "third.zarr"), "stack.ome.zarr"
)
_STACKS |= dict.fromkeys(("stack.h5", "second.h5"), "stack.h5")
_LABELS = dict.fromkeys(("labels.ome.tif", "painted.tif", "masks.tif", "sam-masks.tif"), "stack_labels.ome.tif")
_RUNS = dict.fromkeys(("run", "my-run", "compared/runs/iic"), "run")
_MAPS = dict.fromkeys(("classes.ome.zarr", "smooth.ome.zarr", "clean.ome.zarr"), "classes.ome.zarr")
_OTHERS = {"cell.zarr": "cell.zarr"}


class StandIns:
    """Puts a small file in place of one that a page names and doesn't make itself.

    Parameters
    ----------
    folder : where they are kept
    small : makes settings cheap
    """

    names: ClassVar[Mapping[str, str]] = {**_STACKS, **_LABELS, **_RUNS, **_MAPS, **_OTHERS}

    def __init__(self, folder: Path, small: Callable[[RunSettings], RunSettings]) -> None:
        self._folder, self._small = folder, small

    def put(self, word: str, room: Path) -> None:
        """Put what `word` names into a room, if it is one of `names` and nothing is there yet.

        Of `second.h5:/raw` and `my-run/probe.safetensors` the file and the run are meant.
        """
        name = word.split(":")[0]
        known = name if name in self.names else Path(name).name
        at = room / name
        if known not in self.names or at.exists():
            return
        source = self._made(self.names[known])
        at.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, at)
        else:
            shutil.copy(source, at)
        beside = source.with_name("classes.probabilities.ome.zarr")
        if name == "classes.ome.zarr":
            shutil.copytree(beside, room / beside.name)
        if known == "labels.ome.tif":  # what its numbers mean
            shutil.copy(source.with_name("stack.json"), at.with_name("labels.json"))

    def _made(self, name: str) -> Path:
        if name in ("stack.ome.tif", "stack_labels.ome.tif"):
            return self._stacks / name
        if name in ("run", "classes.ome.zarr"):
            return self._run / name
        return getattr(self, {"stack.ome.zarr": "_zarr", "stack.h5": "_h5", "cell.zarr": "_cell"}[name])

    @cached_property
    def _phantom(self) -> object:
        return make_phantom((6, 128, 128), "sstem", seed=0)

    @cached_property
    def _stacks(self) -> Path:
        write_phantom(self._phantom, self._folder / "stack.ome.tif", self._folder / "stack_labels.ome.tif")
        return self._folder

    @cached_property
    def _zarr(self) -> Path:
        at = self._folder / "zarr" / "stack.ome.zarr"
        at.parent.mkdir()
        write_phantom(self._phantom, at, at.with_name("stack_labels.ome.zarr"))
        return at

    @cached_property
    def _h5(self) -> Path:
        with h5py.File(self._folder / "stack.h5", "w") as file:
            file["raw"] = self._phantom.raw
            file["raw"].attrs["element_size_um"] = np.array(self._phantom.voxel_size_nm) / 1000
        return self._folder / "stack.h5"

    @cached_property
    def _cell(self) -> Path:
        store = zarr.open_group(self._folder / "cell.zarr", mode="w", zarr_format=2)
        place = {"resolution": list(self._phantom.voxel_size_nm), "offset": [0, 0, 0]}
        mitochondria = (self._phantom.labels == 3).astype(np.uint8)
        for name, data in (("raw", self._phantom.raw), ("labels/mito", mitochondria)):
            store.create_array(f"volumes/{name}", data=data).attrs.update(place)
        return self._folder / "cell.zarr"

    @cached_property
    def _run(self) -> Path:
        stack = open_volume(self._stacks / "stack.ome.tif")
        run = self._folder / "run"
        list(Trainer(stack, self._small(load_recipe("neighbour-forecast")), run_dir=run).events())
        write_classes(RunFolder.open(run), stack, self._folder / "classes.ome.zarr", Writing(probabilities=True))
        return self._folder
