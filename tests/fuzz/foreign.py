"""Volumes as other programs leave them, written by TensorStore; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

__all__ = ["SHARDING", "halved", "write_n5", "write_precomputed"]

SHARDING = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "preshift_bits": 1,
    "minishard_bits": 1,
    "shard_bits": 1,
    "hash": "murmurhash3_x86_128",
    "data_encoding": "gzip",
    "minishard_index_encoding": "gzip",
}


def write_precomputed(
    at: Path,
    levels: Sequence[np.ndarray[Any, Any]],
    sizes_nm: Sequence[tuple[float, float, float]] = ((30.0, 8.0, 8.0),),
    kind: str = "image",
    **scale: Any,
) -> Path:
    """Write levels (Z, Y, X) with their voxel sizes (z, y, x); `scale` is what else TensorStore is told of each."""
    for data, size in zip(levels, sizes_nm, strict=True):
        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": {"driver": "file", "path": str(at)},
            "multiscale_metadata": {"type": kind, "data_type": str(data.dtype), "num_channels": 1},
            "scale_metadata": {
                "resolution": list(reversed(size)),
                "size": list(reversed(data.shape)),
                "voxel_offset": [5, 6, 7],
                "chunk_size": [12, 10, 2],
                "encoding": "raw",
                **scale,
            },
        }
        tensorstore.open(spec, create=True).result()[...] = data.T[..., None]
    return at


def write_n5(at: Path, data: np.ndarray[Any, Any], attributes: dict[str, Any] | None = None, **metadata: Any) -> Path:
    """Write a dataset (Z, Y, X), with more attributes beside those that N5 demands."""
    described = {
        "dimensions": list(reversed(data.shape)),
        "blockSize": [12, 10, 2][: data.ndim] + [1] * (data.ndim - 3),
        "dataType": str(data.dtype),
        "compression": {"type": "gzip"},
        **metadata,
    }
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": str(at)}, "metadata": described}
    tensorstore.open(spec, create=True).result()[...] = data.T
    file = at / "attributes.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **(attributes or {})}))
    return at


def halved(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return every second pixel of each section."""
    return np.ascontiguousarray(data[:, ::2, ::2])
