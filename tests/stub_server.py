"""A web server on this machine that can be told to misbehave, and a network that leads nowhere else."""

from __future__ import annotations

import hashlib
import http.server
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Served:
    """A file and how it is served. `cuts` are the bytes after which one answer each breaks off, first answer first."""

    body: bytes
    ranges: bool = True
    etag: str | None = "by content"
    modified: str | None = None
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Answered, one each, in place of the file."""
    announced: int | None = None
    """The length that is announced, -1 for none."""
    heeds_if_range: bool = True
    stall_s: float = 0.0
    """How long the server sleeps where it breaks off."""
    redirect: str | None = None
    encoding: str | None = None
    wants: dict[str, str] = field(default_factory=dict)
    """Headers without which the answer is 403."""

    @property
    def tag(self) -> str | None:
        return f'"{hashlib.md5(self.body).hexdigest()}"' if self.etag == "by content" else self.etag


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path and notes what was asked: (path, Range, If-Range)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def serve(self, path: str, body: bytes, **options: Any) -> Served:
        self.files[path] = Served(body, **options)
        return self.files[path]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Range"], self.headers["If-Range"]))
        file = self.server.files.get(self.path)
        if file is None:
            self.send_error(404)
        elif any(self.headers[name] != value for name, value in file.wants.items()):
            self.send_error(403)
        elif file.redirect:
            self.send_response(302)
            self.send_header("Location", file.redirect)
            self.end_headers()
        elif file.statuses:
            self.send_error(file.statuses.pop(0))
        else:
            self._send(file)

    def _send(self, file: Served) -> None:
        start = self._start(file)
        if start is not None and start >= len(file.body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(file.body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200 if start is None else 206)
        body = file.body[start or 0 :]
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{len(file.body) - 1}/{len(file.body)}")
        if file.announced != -1:
            self.send_header("Content-Length", str(len(body) if file.announced is None else file.announced))
        for name, value in {
            "ETag": file.tag,
            "Last-Modified": file.modified,
            "Content-Encoding": file.encoding,
        }.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        cut = file.cuts.pop(0) if file.cuts else None
        self.wfile.write(body[:cut])
        if cut is not None and file.stall_s:
            self.wfile.flush()
            time.sleep(file.stall_s)

    def _start(self, file: Served) -> int | None:
        """Where a range begins that is to be honoured; None for the whole file."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        condition = self.headers["If-Range"]
        changed = condition and file.heeds_if_range and condition not in (file.tag, file.modified)
        return int(match[1]) if match and file.ranges and not changed else None

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to this machine alone."""
    connect = socket.socket.connect

    def guarded(own: socket.socket, address: Any) -> None:
        assert address[0] in ("127.0.0.1", "::1"), f"the network was asked for: {address}"
        connect(own, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
