"""From what a run predicts to a file: what the command line and the dock have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_em_autoclass import __version__
from napari_em_autoclass.core.run_files import read_json
from napari_em_autoclass.io.class_map_target import ClassMapTarget
from napari_em_autoclass.io.export_precomputed import write_class_map_precomputed
from napari_em_autoclass.io.export_tiff import write_class_map_tiff
from napari_em_autoclass.io.export_zarr import write_class_map_zarr
from napari_em_autoclass.io.map_format import map_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.predict import ClassBlock
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.class_map_target import Block

__all__ = ["RunExport", "run_facts", "write_run_map"]


@dataclass(frozen=True, slots=True)
class RunExport:
    """What is written: the class map of `volume` by the run in `folder`, through the decisions in `class_map`.

    `merged` writes each group under the id of its smallest member; `probabilities` are always those of single classes
    and parts.  A class that was split is written in its parts, whose ids lie above K; "parts" in the provenance leads
    each back to its class.
    """

    folder: RunFolder
    volume: Volume
    class_map: ClassMap
    merged: bool = False
    probabilities: bool = False

    def target(self) -> ClassMapTarget:
        """Return grid, names, colours and provenance of the file."""
        class_map, merged = self.class_map, self.merged
        shown = class_map.rows() if merged else class_map.ids
        alone = replace(class_map, groups=())
        return ClassMapTarget(
            self.volume.shape_zyx,
            self.volume.voxel_size_nm,
            class_map.ids[-1],
            names={i: (class_map if merged else alone).name_of(i) for i in shown},
            colors={i: (class_map if merged else alone).color_of(i) for i in shown},
            provenance={
                "program": f"napari-em-autoclass {__version__}",
                "volume": self.volume.source or self.volume.name,
                "merged": merged,
                **_parts(class_map),
                "run": run_facts(self.folder),
            },
            name=f"{self.volume.name} classes",
            probabilities=self.probabilities,
        )

    def shown(self, blocks: Iterable[ClassBlock]) -> Iterator[Block]:
        """Yield `blocks` as they are written: looked at through the merges, if they are to show."""
        lookup = self.class_map.lookup()
        for block in blocks:
            classes = lookup[block.classes] if self.merged else block.classes
            yield (block.box, classes) if block.probs is None else (block.box, classes, block.probs)


def write_run_map(path: Path, blocks: Iterable[Block], export: RunExport, overwrite: bool = False) -> Path:
    """Write `blocks` as TIFF, OME-Zarr or precomputed, by the name of `path`; nothing is left there if it fails.

    Raises
    ------
    InputError
        If the file exists and is not to be overwritten, or can't be written.
    """
    writers = {"tiff": write_class_map_tiff, "zarr": write_class_map_zarr, "precomputed": write_class_map_precomputed}
    write = writers[map_format(path, probabilities=export.probabilities)]
    return write(path, blocks, export.target(), overwrite)


def _parts(class_map: ClassMap) -> dict[str, Any]:
    """Return which class each part is of, if any was split."""
    parts = {str(i): split.class_id for split in class_map.splits for i in split.ids}
    return {"parts": parts} if parts else {}


def run_facts(folder: RunFolder) -> dict[str, Any]:
    """Return what made a run: its stack, settings and versions, as plain values."""
    stored = read_json(folder.path / "run.json", f"{folder.path / 'run.json'} can't be read any more")
    return {
        "path": str(folder.path),
        "volume": folder.volume.model_dump(mode="json"),
        "settings": folder.settings.model_dump(mode="json"),
        "versions": stored.get("versions", {}),
        "written": stored.get("written"),
    }
