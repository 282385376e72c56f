"""Notice that a TIFF file is cut off or damaged, which tifffile only logs.

Without this a stack whose second half was lost in copying opens as a shorter stack, and the log lines land on stderr.
"""

from __future__ import annotations

import logging
import re
import threading
from contextlib import contextmanager
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tifffile

__all__ = ["refuse_cut_off", "refuse_damage", "refuse_files_elsewhere"]

# Tag 270 is the description, where axes and voxel size are.
_SIGNS = re.compile(
    r"invalid page offset|corrupted tag list|failed to reshape|metadata invalid or corrupted"
    r"|OME series failed to read|TiffTag 270 .*invalid value offset"
)


@contextmanager
def refuse_damage(name: str) -> Iterator[None]:
    """Keep tifffile's log lines off stderr inside, and refuse the file at the end if one of them tells of damage.

    Raises
    ------
    InputError
        If the chain of pages is broken, or a file that the OME-XML names is missing.
    """
    listener = _Listener()
    logger = logging.getLogger("tifffile")
    logger.addHandler(listener)
    try:
        yield
    except Exception as error:
        # What follows from damage, say "is one image", would mislead.
        _raise_damage(listener.messages, name, error)
        raise
    finally:
        logger.removeHandler(listener)
    _raise_damage(listener.messages, name, None)


def refuse_cut_off(series: tifffile.TiffPageSeries, name: str) -> None:
    """Refuse a series whose last page lies beyond the end of the file.

    Raises
    ------
    InputError
        If it does.
    """
    page = series[len(series) - 1]
    if page is None or series.is_multifile:
        return
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    size = page.parent.filehandle.size
    if ends and max(ends) > size:
        raise InputError(f"{name}: the file is cut off ({size} of at least {max(ends)} bytes); copy it again")


def refuse_files_elsewhere(file: tifffile.TiffFile, name: str) -> None:
    """Refuse OME-XML that names files outside of the folder, before tifffile looks into them.

    Raises
    ------
    InputError
        If it does.
    """
    try:
        root = ElementTree.fromstring(file.ome_metadata) if file.ome_metadata else None
    except ElementTree.ParseError:  # tifffile can't read it either
        return
    for element in root.iter() if root is not None else ():
        at = element.attrib.get("FileName", "")
        if PurePosixPath(at).is_absolute() or PureWindowsPath(at).anchor or ".." in re.split(r"[/\\]", at):
            raise InputError(
                f"{name}: its metadata name a file elsewhere, {at[:80]!r}; put all its files in one folder"
            )


class _Listener(logging.Handler):
    """Collect the messages of this thread; other threads may be opening other files."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.messages.append(record.getMessage())


def _raise_damage(messages: list[str], name: str, cause: Exception | None) -> None:
    for message in messages:
        sign = _SIGNS.search(message)
        if sign is not None:
            detail = message[sign.start() :].splitlines()[0][:80]
            raise InputError(f"{name}: the file is cut off or damaged ({detail}); copy or save it again") from cause
