"""Arrays that TensorStore reads, Neuroglancer's precomputed volumes and N5, as the lazy arrays used here.

TensorStore finds the chunks, also in shards, and decodes them; it fetches what is elsewhere by itself and tries again
as often as `io.remote` does.  What it is given to open is looked at first: see `io.precomputed` and `io.n5`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import json_of, parsed_json
from napari_em_autoclass.io import remote
from napari_em_autoclass.io.lazy import plain_slices

if TYPE_CHECKING:
    from types import ModuleType

    from napari_em_autoclass.io.remote import Place

__all__ = ["TensorArray", "kvstore_of", "metadata_of", "open_tensor", "tensorstore_for", "told"]

_CACHE_BYTES: Final = 256 * 2**20  # neighbouring blocks share chunks
_MOST_WAITS: Final = 20  # a block of many chunks may take so much longer than one
_KINDS: Final = ("http", "s3", "gcs")


class TensorArray:
    """A lazy array; chunks are decoded when they are asked for, and the last ones stay in memory.

    Parameters
    ----------
    store : a TensorStore whose axes are in the order of C, the last one fastest, and begin at 0
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self.shape: tuple[int, ...] = tuple(int(n) for n in store.shape)
        self.ndim = len(self.shape)
        self.dtype: np.dtype[Any] = np.dtype(store.dtype.numpy_dtype)
        sizes = store.chunk_layout.read_chunk.shape or self.shape
        self.chunks: tuple[int, ...] = tuple(
            max(1, min(int(size) or length, length)) for size, length in zip(sizes, self.shape, strict=True)
        )

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        """Return the block at `key`, integers and slices; only the chunks it touches are read.

        Raises
        ------
        OSError
            If a chunk is damaged or can't be fetched.
        """
        slices, dropped = plain_slices(key, self.shape)
        try:
            block = np.asarray(self._store[slices].read().result(timeout=_longest_s() * _MOST_WAITS))
        except Exception as error:
            raise OSError(told(error)) from error
        return block.squeeze(dropped) if dropped else block


def open_tensor(place: Place, spec: dict[str, Any], name: str) -> TensorArray:
    """Return the array at `place`, its axes turned into the order of C; nothing but metadata is read.

    Parameters
    ----------
    place : folder or address of the array
    spec : TensorStore's driver and what that wants to know
    name : of the stack, for messages

    Raises
    ------
    InputError
        If TensorStore is not installed, can't reach such addresses, or refuses what is there.
    """
    tensorstore = tensorstore_for(name)
    asked = {**spec, "kvstore": kvstore_of(place), "recheck_cached_data": "open", "recheck_cached_metadata": "open"}
    try:
        opened = tensorstore.open(asked, open=True, read=True, context=tensorstore.Context(_context()))
        store = opened.result(timeout=_longest_s())
        return TensorArray(store[tensorstore.d[:].translate_to[0]].T)
    except Exception as error:
        # TensorStore raises ValueError for nearly everything: damaged metadata, unknown codecs, a dead line.
        raise InputError(f"{name}: can't be opened ({told(error)})") from error


def tensorstore_for(name: str) -> ModuleType:
    """Return the library.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import tensorstore  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"{name}: Neuroglancer's precomputed volumes and N5 need TensorStore; "
            "install it by: pip install 'napari-em-autoclass[neuroglancer]'"
        ) from error
    return tensorstore


def metadata_of(place: Place, file_name: str) -> dict[str, Any] | None:
    """Return the JSON object in a file of the folder or address `place`; None if there is no such file.

    Raises
    ------
    InputError
        If it is too large, nested too deep, or no JSON object, or can't be fetched.
    """
    at = place / file_name
    try:
        if isinstance(at, Path):
            content = json_of(at) if at.is_file() else None
        else:
            fetched = at.content()
            content = None if fetched is None else parsed_json(fetched.decode("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{at}: can't be read ({str(error)[:120]}); copy the volume again") from error
    if content is not None and not isinstance(content, dict):
        raise InputError(f"{at}: is no JSON object, so it describes no volume; copy the volume again")
    return content


def kvstore_of(place: Place) -> dict[str, Any] | str:
    """Return what TensorStore opens for a folder or an address.

    Raises
    ------
    InputError
        If it can't read such addresses.
    """
    if isinstance(place, Path):
        return {"driver": "file", "path": f"{place.absolute()}/"}
    scheme, _, rest = place.url.partition("://")
    if scheme in ("http", "https"):
        return f"{place.url}/"
    bucket, _, path = rest.partition("/")
    if scheme == "s3":
        endpoint = _fsspec_option("s3", "endpoint_url")
        return {"driver": "s3", "bucket": bucket, "path": f"{path}/", **({"endpoint": endpoint} if endpoint else {})}
    if scheme in ("gs", "gcs"):
        return {"driver": "gcs", "bucket": bucket, "path": f"{path}/"}
    raise InputError(f"{place}: such volumes are read at https://, s3:// and gs://, or in a folder; copy it to one")


def told(error: BaseException) -> str:
    """Return what TensorStore complains of in one line, without the particulars that it appends."""
    lines = str(error).strip().splitlines()
    first = lines[0].partition(" [")[0] if lines else ""
    if isinstance(error, TimeoutError) and not first:
        return "no answer in time"
    code, colon, rest = first.partition(": ")
    return (rest if colon and code.isupper() else first)[:200] or type(error).__name__


def _context() -> dict[str, Any]:
    patience = remote.PATIENCE
    retries = {
        "max_retries": patience.tries,
        "initial_delay": f"{round(patience.wait_s * 1000)}ms",
        "max_delay": f"{round(patience.wait_s * 1000 * 2**patience.tries)}ms",
    }
    context: dict[str, Any] = {f"{kind}_request_retries": retries for kind in _KINDS}
    if str(_fsspec_option("s3", "anon")).lower() in ("true", "1"):
        context["aws_credentials"] = {"type": "anonymous"}
    return {**context, "cache_pool": {"total_bytes_limit": _CACHE_BYTES}}


def _longest_s() -> float:
    return remote.PATIENCE.tries * remote.PATIENCE.timeout_s


def _fsspec_option(scheme: str, option: str) -> Any:
    """Return what the user has told fsspec about addresses of a kind (``FSSPEC_S3_ANON=true``), None if nothing."""
    try:
        from fsspec.config import conf  # noqa: PLC0415
    except ImportError:
        return None
    return conf.get(scheme, {}).get(option)
