"""What is fuzzed: for each kind of file a good one, how it is damaged, and what a user does with it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import zarr
from fuzz_stacks import (
    STACK,
    hdf5,
    images,
    mrc,
    n5,
    npy,
    ome_tiff,
    open_stack,
    packed_tiff,
    precomputed,
    sharded,
    sharded_precomputed,
    tiff,
    zarr_store,
)
from mutations import damaged_bytes, damaged_json
from safetensors.numpy import save

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.class_file import read_history
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.kept_maps import kept_maps, read_map, read_snapshot
from napari_em_autoclass.core.run_log import logged_events
from napari_em_autoclass.core.run_settings import load_recipe
from napari_em_autoclass.core.weights_file import newest_weights, read_progress
from napari_em_autoclass.io.class_map_file import read_class_map
from napari_em_autoclass.io.probe_file import load_probe
from napari_em_autoclass.io.run_export import run_facts

__all__ = ["TARGETS", "Target"]

FROZEN: Final = Path(__file__).parents[1] / "data" / "frozen_runs" / "v2"


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Parameters
    ----------
    make : writes a good one, with all that belongs to it, into an empty folder, and returns its path
    use : does with it what a user does; gets the folder and the path
    damage : makes another of a good one
    """

    make: Callable[[Path], Path]
    use: Callable[[Path, Path], object]
    damage: Callable[[Any, bytes], bytes] = damaged_bytes


# --- run folders -----------------------------------------------------------------------------------------------------


def _run_file(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        shutil.copytree(FROZEN, folder / "run")
        return folder / "run" / name

    return make


def _use_run(folder: Path, _: Path) -> None:
    run = RunFolder.open(folder / "run")
    run.settings.learned_box(run.volume.shape_zyx)
    run_facts(run)
    run.model()


def _use_classes(folder: Path, _: Path) -> None:
    history = read_history(folder / "run")
    for step in (*history.past, history.present, *history.future):
        step.lookup()
        step.rows()
    json.dumps(history.undo().to_json(), ensure_ascii=False).encode()


def _use_weights(folder: Path, _: Path) -> None:
    run = RunFolder.open(folder / "run")
    read_progress(run.path / "weights.safetensors")
    run.model()
    newest_weights(run.path)


def _use_log(folder: Path, _: Path) -> None:
    run = RunFolder.open(folder / "run")
    run.log()
    logged_events(run.path)
    run.cut_log(20)


def _use_snapshot(folder: Path, _: Path) -> None:
    try:
        read_snapshot(folder / "run")
    except (OSError, ValueError) as error:  # what it says it raises; whoever calls it says more
        raise InputError("damaged") from error


def _kept(folder: Path) -> Path:
    at = folder / "snapshot" / "kept-001.npz"
    at.parent.mkdir()
    classes = np.ones((9, 8), np.uint8)
    about: dict[str, Any] = {"name": np.array("mine"), "step": np.array(7), "corner_zyx": np.array([1, 0, 0])}
    np.savez_compressed(at, classes=classes, confidence=classes, **about)
    return at


def _use_kept(folder: Path, _: Path) -> None:
    found = kept_maps(folder)
    if not found:
        raise InputError("passed over")
    read_map(found[0])


def _damaged_header(rng: Any, good: bytes) -> bytes:
    """Return a file of weights whose header is other JSON, else whose bytes are others."""
    if rng.random() < 0.4:
        return damaged_bytes(rng, good)
    length = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + length])
    if rng.random() < 0.4:
        key = next(iter(header["__metadata__"].keys() - {"schema_version"}))
        header["__metadata__"][key] = damaged_json(rng, header["__metadata__"][key].encode()).decode("utf-8", "replace")
        text = json.dumps(header).encode()
    else:
        text = damaged_json(rng, json.dumps(header).encode())
    return len(text).to_bytes(8, "little") + text + good[8 + length :]


def _damaged_lines(rng: Any, good: bytes) -> bytes:
    lines = good.splitlines(keepends=True)
    for at in rng.sample(range(len(lines)), 3):
        lines[at] = damaged_json(rng, lines[at]).replace(b"\n", b" ") + b"\n"
    return b"".join(lines) if rng.random() < 0.8 else damaged_bytes(rng, b"".join(lines))


# --- settings and others ---------------------------------------------------------------------------------------------


def _recipe(folder: Path) -> Path:
    at = folder / "mine.json"
    at.write_text(json.dumps({"about": "x", "papers": [], **load_recipe("neighbour-forecast").model_dump(mode="json")}))
    return at


def _settings(folder: Path) -> Path:
    at = folder / "settings.json"
    at.write_text(json.dumps(load_recipe("neighbour-forecast").model_dump(mode="json")))
    return at


def _use_settings(_: Path, at: Path) -> None:
    from napari_em_autoclass.gui.settings_file import load_settings

    load_settings(at)


def _probe(folder: Path) -> Path:
    told = {"schema_version": 1, "ids": [1, 2], "names": {"1": "a"}, "facts": {"n": 3}}
    content = save({"weight": np.zeros((2, 6)), "bias": np.zeros(2)}, {"probe": json.dumps(told)})
    (folder / "probe.safetensors").write_bytes(content)
    return folder / "probe.safetensors"


def _class_map(folder: Path) -> Path:
    label = {"properties": [{"label-value": 1, "name": "a"}], "colors": [{"label-value": 1, "rgba": [1, 2, 3, 255]}]}
    project = {"n_classes": 2, "provenance": {"a": 1}}
    attributes = {"ome": {"version": "0.5", "image-label": label}, "napari-em-autoclass": project}
    group = zarr.create_group(folder / "map.zarr", zarr_format=3, attributes=attributes)
    group.create_array("0", data=STACK % 3)
    return folder / "map.zarr" / "zarr.json"


def _label_archive(folder: Path) -> Path:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, labels=STACK % 3)
    (folder / "map.npz").write_bytes(buffer.getvalue())
    return folder / "map.npz"


def _stack(make: Callable[[Path], Path], damage: Any = damaged_bytes, name: str | None = None) -> Target:
    return Target(make, lambda folder, at: open_stack(folder / name if name else at), damage)


TARGETS: Final = {
    "tiff": _stack(tiff),
    "packed tiff": _stack(packed_tiff),
    "ome-tiff": _stack(ome_tiff),
    "hdf5": _stack(hdf5),
    "mrc": _stack(mrc),
    "npy": _stack(npy),
    "png sections": _stack(images(".png"), name="."),
    "jpg sections": _stack(images(".jpg"), name="."),
    "bmp sections": _stack(images(".bmp"), name="."),
    "tiff sections": _stack(images(".tif"), name="."),
    "ome-zarr 0.5": _stack(zarr_store(3, "zarr.json"), damaged_json, "a.zarr"),
    "ome-zarr 0.4": _stack(zarr_store(2, ".zattrs"), damaged_json, "a.zarr"),
    "zarr 3 array": _stack(zarr_store(3, "0/zarr.json"), damaged_json, "a.zarr"),
    "zarr 2 array": _stack(zarr_store(2, "0/.zarray"), damaged_json, "a.zarr"),
    "zarr chunk": _stack(zarr_store(3, "0/c/0/0/0"), name="a.zarr"),
    "zarr 2 chunk": _stack(zarr_store(2, "0/0.0.0"), name="a.zarr"),
    "zarr shard": _stack(sharded, name="a.zarr"),
    "precomputed": _stack(precomputed("info"), damaged_json, "em"),
    "precomputed chunk": _stack(precomputed("8_8_30/5-17_6-16_7-9"), name="em"),
    "precomputed png": _stack(precomputed("8_8_30/5-17_6-16_7-9", encoding="png"), name="em"),
    "precomputed jpeg": _stack(precomputed("8_8_30/5-17_6-16_7-9", encoding="jpeg"), name="em"),
    "precomputed shards": _stack(sharded_precomputed("info"), damaged_json, "em"),
    "precomputed shard": _stack(sharded_precomputed("8_8_30/0.shard"), name="em"),
    "n5": _stack(n5("attributes.json"), damaged_json, "a.n5"),
    "n5 array": _stack(n5("s0/attributes.json"), damaged_json, "a.n5"),
    "n5 chunk": _stack(n5("s0/0/0/0"), name="a.n5"),
    "run.json": Target(_run_file("run.json"), _use_run, damaged_json),
    "classes.json": Target(_run_file("classes.json"), _use_classes, damaged_json),
    "weights": Target(_run_file("weights.safetensors"), _use_weights, _damaged_header),
    "log.jsonl": Target(_run_file("log.jsonl"), _use_log, _damaged_lines),
    "snapshot": Target(_run_file("snapshot/latest.npz"), _use_snapshot),
    "kept map": Target(_kept, _use_kept),
    "recipe": Target(_recipe, lambda _, at: load_recipe(str(at)), damaged_json),
    "settings": Target(_settings, _use_settings, damaged_json),
    "probe": Target(_probe, lambda _, at: load_probe(at), _damaged_header),
    "class map": Target(_class_map, lambda folder, _: read_class_map(folder / "map.zarr"), damaged_json),
    "label archive": Target(_label_archive, lambda _, at: read_class_map(at)),
}
