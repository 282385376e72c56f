"""Load torch while the user still looks at the stack: importing it takes seconds, which Learn would wait for."""

from __future__ import annotations

import logging
import sys
import threading
from importlib import import_module

from napari_em_autoclass.gui.priority import after_the_window

__all__ = ["import_soon"]

_log = logging.getLogger(__name__)
_asked = set[str]()


def import_soon(name: str = "torch") -> threading.Thread | None:
    """Import a module in a thread, once; return the thread, None where there is nothing (more) to do.

    Only for modules that nobody else imports bit by bit meanwhile, so not for our own.
    """
    if name in sys.modules or name in _asked:
        return None
    _asked.add(name)
    # No daemon: a program must not end in the middle of loading a library.
    thread = threading.Thread(target=_import, args=(name,), name=f"import {name}")
    thread.start()
    return thread


def _import(name: str) -> None:
    with after_the_window():
        try:
            import_module(name)
        except Exception as error:  # whoever needs it says so
            _log.info("%s could not be loaded ahead", name, exc_info=error)
