"""What the manifest names besides the dock: reader, writer, sample data.

Layers are given as plain tuples, so that neither napari nor Qt is needed here.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import MAX_JSON_BYTES, lines_of
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.volume import Volume

__all__ = ["LayerData", "get_reader", "sample_fibsem", "sample_sstem", "write_class_map"]

LayerData = tuple[Any, dict[str, Any], str]

_KEY = "napari-em-autoclass"
# In the metadata of a stack: where it is from, and the run that it was opened for (as the dock calls them).
_SOURCE, _RUN = "napari-em-autoclass source", "napari-em-autoclass run"
_SHOWN = 512  # voxels to either side
_TRANSPARENT = (0.0, 0.0, 0.0, 0.0)


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return what reads `path`, if it is the folder of a run or a class map written by this plugin, else None."""
    if not isinstance(path, str):
        return None
    at = Path(path)
    if (at / "run.json").is_file():
        return _read_run
    metadata = at / "zarr.json"
    if at.is_dir() and metadata.is_file() and _KEY in "\n".join(lines_of(metadata, MAX_JSON_BYTES)):
        return _read_map
    return None


def write_class_map(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer as a class map, with its voxel size and colours; return the path written.

    Raises
    ------
    InputError
        If the layer is no stack of class ids 0 to 254, or the file can't be written.
    """
    from napari_em_autoclass.io import ClassMapTarget, write_class_map_tiff, write_class_map_zarr

    levels = data if attributes.get("multiscale") or isinstance(data, list | tuple) else [data]
    classes = levels[0]
    shape = tuple(int(n) for n in classes.shape)
    if len(shape) != 3:
        raise InputError(f"a class map has the axes (Z, Y, X), this layer has shape {shape}; save one time point")
    colors = _colors_of(attributes.get("colormap"))
    target = ClassMapTarget(
        (shape[0], shape[1], shape[2]),
        _voxel_size_of(attributes),
        _largest_id(classes),
        colors={i: color for i, color in colors.items() if 1 <= i <= _largest_id(classes)},
        provenance={"program": _KEY, "layer": attributes.get("name", "")},
        name=str(attributes.get("name", "classes")),
    )
    write = write_class_map_tiff if path.lower().endswith((".tif", ".tiff")) else write_class_map_zarr
    return [str(write(path, _sections(classes), target, overwrite=True))]


def sample_sstem() -> list[LayerData]:
    """Return a made-up stack that looks like serial-section TEM."""
    return _sample("sstem", "neuropil, like ssTEM")


def sample_fibsem() -> list[LayerData]:
    """Return a made-up stack that looks like FIB-SEM."""
    return _sample("fibsem", "neuropil, like FIB-SEM")


def _sample(mode: Any, name: str) -> list[LayerData]:
    from napari_em_autoclass.core.phantom import make_phantom
    from napari_em_autoclass.io.run_source import SAMPLE

    made = make_phantom(mode=mode)
    placed = {"scale": made.voxel_size_nm, "units": ("nm",) * 3}
    source = {f"{_KEY} source": f"{SAMPLE}{mode}"}  # a run of it can make it again
    return [(made.raw, {"name": name, "metadata": source, **placed}, "image")]


def _read_run(path: str) -> list[LayerData]:
    """Return the stack of a run, where it still is, and its class map; the dock takes the run up from these.

    Raises
    ------
    InputError
        If the run is damaged, or has learned nothing yet.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.io.run_source import open_run_source

    folder = RunFolder.open(Path(path))
    class_layer = _last_map(folder)
    try:
        return [_stack(open_run_source(folder.path, folder.volume), folder.path), class_layer]
    except InputError as error:
        warnings.warn(str(error), stacklevel=2)  # napari shows it; the class map is worth having by itself
        return [class_layer]


def _stack(volume: Volume, run_dir: Path) -> LayerData:
    """Return a lazy image layer; the middle of a section of it is read, for its contrast."""
    z, y, x = (n // 2 for n in volume.shape_zyx)
    middle = Box(z, z + 1, y - _SHOWN, y + _SHOWN, x - _SHOWN, x + _SHOWN).clipped(volume.shape_zyx)
    low, high = (float(limit) for limit in np.percentile(volume.read(middle), (0.5, 99.5)))
    placed = {"scale": volume.voxel_size_nm, "units": ("nm",) * 3, "contrast_limits": (low, max(high, low + 1e-6))}
    metadata = {_SOURCE: volume.source, _RUN: str(run_dir)}
    # All of it said: napari would read the stack to find out.
    return (
        volume.data,
        {"name": volume.name, "rgb": False, "multiscale": False, "metadata": metadata, **placed},
        "image",
    )


def _last_map(folder: RunFolder) -> LayerData:
    """Return the section that was classified last, at its place; an empty one of a run that was cut off before."""
    from napari_em_autoclass.core.kept_maps import read_snapshot

    latest, size = folder.path / "snapshot" / "latest.npz", folder.volume.voxel_size_nm
    if latest.is_file():
        try:
            corner_zyx, classes = read_snapshot(folder.path)
        except (OSError, ValueError) as error:
            raise InputError(f"{latest} is damaged; delete it, it is made anew when the run goes on") from error
    elif (folder.path / "weights.safetensors").is_file():
        corner_zyx, classes = np.zeros(3, int), np.broadcast_to(np.uint8(0), folder.volume.shape_zyx[1:])
    else:
        raise InputError(f"{folder.path}: this run holds no class map yet; let it learn to its end, or press Stop")
    look: dict[str, Any] = {
        "name": f"classes · {folder.volume.name}",
        "scale": size,
        "translate": tuple(float(n * nm) for n, nm in zip(corner_zyx, size, strict=True)),
        "units": ("nm",) * 3,
        "colormap": _color_table(folder.history.present),
        "opacity": 0.5,
        "metadata": {_KEY: {"run_dir": str(folder.path), "z": int(corner_zyx[0])}},
    }
    return classes[None], look, "labels"  # (1, h, w)


def _read_map(path: str) -> list[LayerData]:
    from napari_em_autoclass.io import read_class_map

    data, info = read_class_map(path)
    attributes: dict[str, Any] = {"name": Path(path).name.split(".")[0], "metadata": {_KEY: {"names": info.names}}}
    if info.voxel_size_nm is not None:
        attributes |= {"scale": info.voxel_size_nm, "units": ("nm",) * 3}
        # Of a part of a stack: it lies where it was cut out.
        corner = info.provenance.get("corner_zyx", (0, 0, 0))
        attributes["translate"] = tuple(n * nm for n, nm in zip(corner, info.voxel_size_nm, strict=True))
    if info.colors:
        attributes["colormap"] = {None: _TRANSPARENT, 0: _TRANSPARENT, **info.colors}
    return [(data, attributes, "labels")]


def _color_table(class_map: ClassMap) -> dict[int | None, Any]:
    """Return the colours shown as napari takes them: by class id, hidden ones transparent."""
    shown: dict[int | None, Any] = {
        i: class_map.color_of(i) if class_map.is_visible(i) else _TRANSPARENT for i in range(1, class_map.n_classes + 1)
    }
    return {None: _TRANSPARENT, 0: _TRANSPARENT, **shown}


def _colors_of(colormap: Any) -> dict[int, str]:
    """Return '#rrggbb' by id of a napari colour map that lists colours; empty for the random ones."""
    table = getattr(colormap, "color_dict", colormap if isinstance(colormap, dict) else {}) or {}
    found = {}
    for class_id, color in table.items():
        rgba = np.asarray(color, float).ravel() if not isinstance(color, str) else np.zeros(0)
        if isinstance(color, str):
            found[class_id] = color
        elif class_id is not None and rgba.size >= 3 and rgba[:3].any():
            found[int(class_id)] = "#{:02x}{:02x}{:02x}".format(*(round(255 * float(part)) for part in rgba[:3]))
    return found


def _voxel_size_of(attributes: dict[str, Any]) -> tuple[float, float, float]:
    """Return (z, y, x) in nm; 1 nm where the layer's scale has no physical unit."""
    scale = [abs(float(s)) for s in attributes.get("scale", (1.0, 1.0, 1.0))][-3:]
    units = list(attributes.get("units") or ())[-3:]
    factors = [_nm_per(unit) for unit in units] if len(units) == 3 else [None]
    sizes = [s * f for s, f in zip(scale, factors, strict=False) if f]
    return (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else (1.0, 1.0, 1.0)


def _nm_per(unit: Any) -> float | None:
    import pint

    parsed = pint.Unit(str(unit))
    return float((1 * parsed).to("nm").magnitude) if parsed.is_compatible_with("nm") else None


def _largest_id(classes: Any) -> int:
    """Return the largest id, read section by section."""
    if np.dtype(classes.dtype).kind not in "iub":
        raise InputError(f"a class map holds class ids, this layer holds {classes.dtype}")
    largest = max(int(np.max(np.asarray(classes[z]))) for z in range(classes.shape[0]))
    if not 1 <= largest <= 254:
        raise InputError(f"class ids run from 1 to 254, the largest here is {largest}; this is no class map")
    return largest


def _sections(classes: Any) -> Iterator[tuple[Box, np.ndarray[Any, np.dtype[np.uint8]]]]:
    depth, height, width = (int(n) for n in classes.shape)
    for z in range(depth):
        yield Box(z, z + 1, 0, height, 0, width), np.asarray(classes[z : z + 1]).astype(np.uint8)
