"""Zarr stores elsewhere: ``s3://``, ``gs://``, ``https://``, ``http://`` and ``memory://``, through fsspec.

A network fails now and then: what may succeed at another try is tried again, a little later each time.  What is final,
such as a missing permission, is said at once, in one line.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from zarr.storage import FsspecStore

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.patient_store import PatientStore
from napari_em_autoclass.io.remote_errors import Patience, RemoteError, final_complaint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PATIENCE", "Place", "RemotePath", "is_url", "named_format", "place_of", "store_of", "way_inside"]

PATIENCE = Patience()
_URL = re.compile(r"(s3|gs|gcs|https?|memory|file)://", re.IGNORECASE)
_FORMATS = re.compile(r"((precomputed|n5|zarr)://)+", re.IGNORECASE)  # as Neuroglancer writes them before an address
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp"}
_FEWEST_PARTS = {"http": 1, "https": 1, "memory": 0}  # of an address, that name the server or the bucket


def is_url(text: str) -> bool:
    """Tell whether `text` is an address of a kind that can be read, with or without a format before it."""
    return _URL.match(named_format(text)[1]) is not None


def named_format(text: str) -> tuple[str, str]:
    """Return the format that stands before a path or an address, and the rest.

    That is ``"precomputed"``, ``"n5"`` or ``"zarr"``, and ``""`` where none is named.
    """
    found = _FORMATS.match(text)
    return (found[2].lower(), text[found.end() :]) if found else ("", text)


def place_of(url: str) -> Path | RemotePath:
    """Return where an address points; ``file://`` is a plain path."""
    scheme, _, rest = url.partition("://")
    return Path(rest) if scheme.lower() == "file" else RemotePath(f"{scheme.lower()}://{rest.rstrip('/')}")


@dataclass(frozen=True, slots=True)
class RemotePath:
    """An address that behaves like a path, as far as the reader of Zarr stores needs it.

    Parameters
    ----------
    url : without a slash at its end
    """

    url: str

    def __truediv__(self, part: str) -> RemotePath:
        return RemotePath(f"{self.url}/{part.strip('/')}") if part.strip("/") else self

    def __lt__(self, other: RemotePath) -> bool:
        return self.url < other.url

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def parents(self) -> tuple[RemotePath, ...]:
        """The addresses above, the nearest first, as far as the server or the bucket."""
        scheme, _, rest = self.url.partition("://")
        parts, least = rest.split("/"), _FEWEST_PARTS.get(scheme, 1)
        return tuple(RemotePath(f"{scheme}://{'/'.join(parts[:n])}") for n in range(len(parts) - 1, least - 1, -1) if n)

    def is_file(self) -> bool:
        """Tell whether something can be fetched here.

        Raises
        ------
        InputError
            If the server doesn't answer, or refuses.
        """
        return self.content() is not None

    def is_dir(self) -> bool:
        """Claim to be a folder: over the network only what is in it can be seen."""
        return True

    def iterdir(self) -> Iterator[RemotePath]:
        """Yield what is in the folder, as far as the server lists it.

        Yields
        ------
        RemotePath
            Sorted by name.
        """
        files, path = _file_system(self.url)
        listed = _patiently(lambda: files.ls(path, detail=False), self.url) or []
        names = {str(entry).rstrip("/").rpartition("/")[2] for entry in listed}
        yield from (self / name for name in sorted(names) if name)

    def store(self) -> PatientStore:
        """Return the store at this address, for Zarr.

        Raises
        ------
        InputError
            If a package is missing that reads such addresses.
        """
        with_package(self.url)
        try:
            return PatientStore(FsspecStore.from_url(self.url, read_only=True), self.url, PATIENCE)
        except (ImportError, ValueError) as error:
            raise InputError(f"{self.url}: {_missing(self.url, error)}") from error

    def content(self) -> bytes | None:
        """Return what is there, None if there is nothing.

        Raises
        ------
        InputError
            If the server doesn't answer, or refuses.
        """
        files, path = _file_system(self.url)
        found: bytes | None = _patiently(lambda: files.cat_file(path), self.url)
        return found


Place = Path | RemotePath
"""Where a Zarr store may be."""


def way_inside(place: Place, above: Place) -> str:
    """Return the path that leads from a place to one below it, with slashes."""
    return PurePosixPath(Path(str(place)).relative_to(str(above))).as_posix()


def store_of(place: Place) -> Any:
    """Return what Zarr opens for a place."""
    return place.store() if isinstance(place, RemotePath) else place


def with_package(url: str) -> None:
    """Check that fsspec is there.

    Raises
    ------
    InputError
        If it is not.
    """
    try:
        import fsspec  # noqa: F401, PLC0415
    except ImportError as error:
        raise InputError(f"{url}: {_missing(url, error)}") from error


def _file_system(url: str) -> tuple[Any, str]:
    with_package(url)
    from fsspec.core import url_to_fs  # noqa: PLC0415

    try:
        files, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InputError(f"{url}: {_missing(url, error)}") from error
    return files, path


def _missing(url: str, error: Exception) -> str:
    scheme = url.partition("://")[0]
    if not isinstance(error, ImportError):
        return f"is no address that can be read ({error})"
    package = "fsspec" if error.name == "fsspec" else _PACKAGES.get(scheme, "fsspec")
    return f"to read {scheme}:// install {package}, or all such packages by: pip install 'napari-em-autoclass[remote]'"


def _patiently(fetch: Callable[[], Any], url: str) -> Any:
    """Return what `fetch` gives, None where there is nothing, trying again as often as is worth it.

    Raises
    ------
    InputError
        If it doesn't succeed.
    """
    last = ""
    for wait_s in PATIENCE.waits_s():
        time.sleep(wait_s)
        try:
            return fetch()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except (TimeoutError, Exception) as error:
            last, is_final = final_complaint(error, PATIENCE.timeout_s)
            if is_final:
                raise InputError(f"{url}: {last}") from error
    raise InputError(f"{url}: {last}, {PATIENCE.tries} times") from RemoteError(last)
