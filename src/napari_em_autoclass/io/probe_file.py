"""What was taught by painting, as a file: numbers as safetensors, with all else as JSON in its header."""

from __future__ import annotations

import json
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.checkpoint import write_atomically
from napari_em_autoclass.core.errors import InputError, require_schema
from napari_em_autoclass.core.limits import parsed_json
from napari_em_autoclass.core.palette import MAX_CLASSES
from napari_em_autoclass.core.probe import Probe

if TYPE_CHECKING:
    import os

__all__ = ["is_probe_file", "load_probe", "probe_path", "save_probe"]

_SCHEMA_VERSION: Final = 1
_KEY: Final = "probe"


def probe_path(run: Path) -> Path:
    """Return where what was taught on top of a run is kept: beside its weights."""
    return run / "probe.safetensors"


def is_probe_file(path: str | os.PathLike[str]) -> bool:
    """Tell, by its name, whether a file holds what was taught, and not what was painted."""
    return Path(path).suffix == ".safetensors"


def save_probe(path: Path, probe: Probe) -> None:
    """Store a probe, replacing the one that was there.

    Raises
    ------
    InputError
        If the file can't be written.
    """
    from safetensors.numpy import save  # noqa: PLC0415

    names = {str(kind): name for kind, name in probe.names.items()}
    told = {"schema_version": _SCHEMA_VERSION, "ids": list(probe.ids), "names": names, "facts": probe.facts}
    content = save({"weight": probe.weight, "bias": probe.bias}, {_KEY: json.dumps(told)})
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error.strerror or error}); choose another folder") from error


def load_probe(path: Path) -> Probe:
    """Return what `save_probe` stored.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged or of another version.
    """
    from safetensors import safe_open  # noqa: PLC0415

    if not path.is_file():
        raise InputError(f"{path}: no such file; teach a probe first")
    try:
        with safe_open(path, framework="np") as file:
            told = parsed_json((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in ("weight", "bias")}
    except Exception as error:
        # safetensors, JSON and keys each have their own errors; to the user all mean the same.
        raise InputError(f"{path}: is no probe, or damaged ({type(error).__name__}); teach it again") from error
    require_schema(told, _SCHEMA_VERSION, "probe")
    try:
        names = {int(kind): str(name) for kind, name in told.get("names", {}).items()}
        ids, facts = tuple(index(i) for i in told["ids"]), dict(told.get("facts", {}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is no probe, or damaged ({type(error).__name__}); teach it again") from error
    weight, bias = tensors["weight"], tensors["bias"]
    fits = weight.ndim == 2 and bias.shape == weight.shape[:1] == (len(ids),) and weight.dtype == bias.dtype
    if not fits or weight.dtype.kind != "f" or not all(0 < i <= MAX_CLASSES for i in ids):
        raise InputError(f"{path}: is no probe, or damaged (its parts don't fit together); teach it again")
    return Probe(ids, weight, bias, names, facts)
