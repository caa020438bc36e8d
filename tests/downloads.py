"""A file to download, what a download has said, and what one leaves that was broken off."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from stub_server import Server

from bench.download import Transfers, download
from bench.needed import Origin

BODY = bytes(range(256)) * 3000  # 768,000 bytes
SHA = hashlib.sha256(BODY).hexdigest()
OTHER = bytes(reversed(BODY))


class Noted(Transfers):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, name: str, have: int, size: int | None) -> None:
        self.events.append((name, have, size))

    def received(self, count: int) -> None:
        self.events.append(count)

    def say(self, message: str) -> None:
        self.events.append(message)

    @property
    def bytes(self) -> int:
        return sum(event for event in self.events if isinstance(event, int))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def interrupted(server: Server, target: Path, at: int, **options: Any) -> None:
    """Leave behind what a download leaves that was broken off after `at` bytes, as a killed process would."""

    class Killed(Noted):
        def received(self, count: int) -> None:
            super().received(count)
            if self.bytes == at:
                raise KeyboardInterrupt

    server.serve("/f", BODY, cuts=[at], announced=len(BODY), **options)
    with pytest.raises(KeyboardInterrupt):
        download(Origin(f"{server.url}/f", SHA), target, Killed())
    assert target.with_name("f.part").read_bytes() == BODY[:at]
    assert not target.exists()
    server.asked.clear()
