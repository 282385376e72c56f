"""Load the slow libraries while the user still looks at the stack: they take seconds, which Learn would wait for."""

from __future__ import annotations

import logging
import sys
import threading
from importlib import import_module

from napari_em_autoclass.gui.priority import after_the_window

__all__ = ["import_soon"]

_log = logging.getLogger(__name__)
_SLOW = ("torch", "sklearn.cluster")  # two to three seconds of a processor each; the second makes the first sketch
_asked = set[str]()


def import_soon(*names: str) -> threading.Thread | None:
    """Import modules in a thread, one after the other, each once; by default those that learning begins with.

    Only for modules that nobody else imports bit by bit meanwhile, so not for our own.

    Returns
    -------
    threading.Thread or None
        None where there is nothing (more) to do.
    """
    missing = [name for name in names or _SLOW if name not in sys.modules and name not in _asked]
    if not missing:
        return None
    _asked.update(missing)
    # No daemon: a program must not end in the middle of loading a library.
    thread = threading.Thread(target=_import, args=(missing,), name=f"import {missing[0]}")
    thread.start()
    return thread


def _import(names: list[str]) -> None:
    with after_the_window():
        for name in names:
            try:
                import_module(name)
            except Exception as error:  # whoever needs it says so
                _log.info("%s could not be loaded ahead", name, exc_info=error)
