"""Replies of endpoints, kept on disk: what was asked once is not asked, and not paid for, again.

A reply is keyed by the sha256 of all that was sent, address included, and never by a key or a name of a user. A store
with a `limit` forgets the oldest beyond it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import StoppedError
from bench.files import digest

_TABLE = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply BLOB NOT NULL, bytes INTEGER NOT NULL)"


@dataclass(frozen=True)
class Replies:
    """A file of replies; threads and processes may share it. `limit` is in bytes of replies, None for all of them."""

    path: Path
    limit: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def get(self, request: dict[str, Any]) -> bytes | None:
        """The reply to a request, a JSON value; None where there is none yet."""
        with self._connection() as connection:
            row = connection.execute("SELECT reply FROM replies WHERE key = ?", (digest(request),)).fetchone()
        return bytes(row[0]) if row else None

    def put(self, request: dict[str, Any], reply: bytes) -> None:
        """Keep a reply. StoppedError where the disk refuses."""
        with self._connection() as connection, connection:
            values = (digest(request), reply, len(reply))
            connection.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", values)
            if self.limit is not None:
                self._forget(connection)

    def _forget(self, connection: sqlite3.Connection) -> None:
        newest = "SELECT rowid, SUM(bytes) OVER (ORDER BY rowid DESC) AS total FROM replies"
        connection.execute(
            f"DELETE FROM replies WHERE rowid IN (SELECT rowid FROM ({newest}) WHERE total > ?)",
            (self.limit,),
        )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                    connection.execute(_TABLE)
                    yield connection
            except (sqlite3.Error, OSError) as error:
                raise StoppedError(f"{self.path}: cannot use the kept replies: {error}") from error


def request_of(address: str, path: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What a reply is kept under: the address as results name it, the path and all that is sent."""
    return {"address": address, "path": path, "sent": payload}
