"""A web server on this machine that serves a folder, and fails when asked to."""

from __future__ import annotations

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

Fault = "int | float | None"


class FolderServer:
    """Serves `folder` at `url`, parts of files too, and counts what it was asked for.

    `fault` is called with the number of the request and its path: a status refuses the request, a float delays it.
    """

    def __init__(self, folder: Path, fault: Callable[[int, str], int | float | None] = lambda n, path: None) -> None:
        self.folder, self.fault = folder, fault
        self.asked: list[str] = []
        self.gives_parts = True
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _number(self, path: str) -> int:
        with self._lock:
            self.asked.append(path)
            return len(self.asked)

    def _handler(outer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fault = outer.fault(outer._number(self.path), self.path)
                if isinstance(fault, float):
                    time.sleep(fault)
                elif fault is not None:
                    return self._answer(fault, b"")
                file = outer.folder / self.path.lstrip("/")
                if not file.is_file():
                    return self._answer(404, b"")
                content = file.read_bytes()
                part = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
                if part is None or not outer.gives_parts:
                    return self._answer(200, content)
                low, high = part.groups()
                start = len(content) - int(high) if not low else int(low)
                stop = int(high) + 1 if low and high else len(content)
                self._answer(206, content[start:stop], f"bytes {start}-{stop - 1}/{len(content)}")

            do_HEAD = do_GET

            def _answer(self, status: int, content: bytes, part: str = "") -> None:
                try:
                    self.send_response(status)
                    if part:
                        self.send_header("Content-Range", part)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    if self.command == "GET":
                        self.wfile.write(content)
                except OSError:
                    pass  # whoever asked has lost patience

            def log_message(self, *_: object) -> None:
                pass

        return Handler
