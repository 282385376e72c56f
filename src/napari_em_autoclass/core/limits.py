"""How much of a file that somebody else may have written is taken in at most.

Run folders, recipes and settings travel: by mail, by download, on shared disks.  Whatever is read from them is data,
never a program, and its size is looked at before memory is spent on it.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "MAX_CLASSES_BYTES",
    "MAX_JSON_BYTES",
    "MAX_LOG_BYTES",
    "MAX_WEIGHTS_BYTES",
    "arrays_of",
    "json_of",
    "lines_of",
    "parsed_json",
]

MAX_JSON_BYTES: Final = 64 * 2**20
"""Of run.json: what grows there are two numbers for each section, and 64 MiB hold more than half a million sections."""
MAX_CLASSES_BYTES: Final = 64 * 2**20
"""Of classes.json, which holds every step that can be undone; of a longer history the oldest steps are let go."""
MAX_LOG_BYTES: Final = 2**30
"""Of log.jsonl that is read; a step takes about 500 bytes."""
MAX_WEIGHTS_BYTES: Final = 8 * 2**30
"""Of a file of weights: four times what the largest network that settings allow takes, with all it needs to go on."""
_MAX_LINE_BYTES: Final = 2**20
_MAX_DEPTH: Final = 64
_MAX_ARRAY_BYTES: Final = 4 * 2**30
_MAX_HEADER_BYTES: Final = 10_000
_HALF_A_CHARACTER: Final = re.compile(r"\\u[dD][89a-fA-F]")


def json_of(path: Path, most_bytes: int = MAX_JSON_BYTES) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    OSError
        If it can't be read.
    ValueError
        If it is too large, nested too deep, or not JSON: the numbers NaN and infinity are none.
    """
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"more than {most_bytes} bytes")
    return parsed_json(content.decode("utf-8"))


def parsed_json(text: str, *, takes_nan: bool = False) -> Any:
    """Return what a JSON text holds; `takes_nan` lets the numbers NaN and infinity pass, which a log may hold.

    Raises
    ------
    ValueError
        If it is nested too deep, not JSON, or holds text that nobody could write.
    """
    try:
        content = json.loads(text, parse_constant=float if takes_nan else _refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    level = [content]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in _children(node) if isinstance(child, (dict, list))]
        if not level:
            break
    if level:
        raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
    if _HALF_A_CHARACTER.search(text):
        # Half of a pair of surrogates is no character: it can be neither shown nor saved.
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    return content


def lines_of(path: Path, most_bytes: int = MAX_LOG_BYTES) -> Iterator[str]:
    """Yield the lines of a text file, as far as it is not too long; lines that are too long are passed over.

    Yields
    ------
    str
        Without its end; what is not UTF-8 is replaced.

    Raises
    ------
    OSError
        If it can't be read.
    """
    with path.open("rb") as file:
        while most_bytes > 0 and (line := file.readline(min(_MAX_LINE_BYTES, most_bytes))):
            most_bytes -= len(line)
            if line.endswith(b"\n") or len(line) < _MAX_LINE_BYTES:
                yield line.decode("utf-8", "replace").rstrip("\r\n")
                continue
            while most_bytes > 0 and line and not line.endswith(b"\n"):  # the rest of a line that is too long
                line = file.readline(min(_MAX_LINE_BYTES, most_bytes))
                most_bytes -= len(line)


def arrays_of(path: Path, names: tuple[str, ...], most_bytes: int = _MAX_ARRAY_BYTES) -> dict[str, NDArray[Any]]:
    """Return arrays of an ``.npz`` archive by name; none of them may hold objects.

    An archive of a few kilobytes can swell to any size; what it says that it holds is looked at before it is unpacked.

    Parameters
    ----------
    path : of the archive
    names : of the arrays; empty for all there are
    most_bytes : of all of them together

    Raises
    ------
    OSError
        If it can't be read.
    ValueError
        If it is no such archive, damaged, lacks an array, or holds more.
    """
    found: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            for name in names or tuple(members):
                most_bytes -= members[name].file_size
                if most_bytes < 0:
                    raise ValueError("more than can be taken in")
                with archive.open(members[name]) as file:
                    found[name] = _array(file, members[name].file_size)
    except OSError:
        raise
    except Exception as error:  # zip, zlib, its ciphers and NumPy each have their own ways to say that it is damaged
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return found


def _array(file: Any, n_bytes: int) -> NDArray[Any]:
    import numpy as np  # noqa: PLC0415  the command line reads JSON long before it needs an array

    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, in_columns, dtype = read_header[version](file, max_header_size=_MAX_HEADER_BYTES)
    wanted = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or min(shape, default=0) < 0 or wanted > n_bytes:
        raise ValueError(f"an array {shape} of {dtype} does not fit")
    flat = np.frombuffer(file.read(wanted), dtype).copy()
    return flat.reshape(shape, order="F" if in_columns else "C")


def _children(node: Any) -> Any:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
