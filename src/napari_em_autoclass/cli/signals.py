"""Ctrl-C, and the request to end that batch systems send: both end a command cleanly."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["calling_on_signals", "sigterm_like_ctrl_c"]


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, raise KeyboardInterrupt, so that what is half done is cleaned up."""

    def interrupt(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    with _handled((signal.SIGTERM,), interrupt):
        yield


@contextmanager
def calling_on_signals(ask: Callable[[], object]) -> Iterator[None]:
    """Call `ask` at the first Ctrl-C or SIGTERM, and raise KeyboardInterrupt at the second.

    Raising at the first would cut a training step, or a file that another thread is writing, in two.
    """
    asked = False

    def react(signum: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        ask()

    with _handled((signal.SIGINT, signal.SIGTERM), react):
        yield


@contextmanager
def _handled(numbers: tuple[signal.Signals, ...], handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # Python allows no handlers there
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
