"""What a download or a copy shows on stderr: a bar on a terminal, a line now and then elsewhere, nothing if --quiet."""

from __future__ import annotations

import sys
import time
from typing import Any

from bench.cli.output import note, warn
from bench.download import Transfers

_EVERY_S = 10.0
_UNIT = 1_000_000


class ShownTransfers(Transfers):
    """Counts the bytes of one file at a time. `file` is the one in hand, `done` how many bytes of it are written."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._row: Any = None
        self._size: int | None = None
        self._shown = time.monotonic()
        self.file: str | None = None
        self.done = 0

    def begin(self, name: str, have: int, size: int | None) -> None:
        self.file, self.done, self._size, self._shown = name, have, size, time.monotonic()
        if not self._quiet and sys.stderr.isatty():
            self._open()
            self._row = self._bar.add_task(name, total=size, completed=have)

    def received(self, count: int) -> None:
        self.done += count
        if self._bar is not None:
            self._bar.update(self._row, completed=self.done)
        elif not self._quiet and time.monotonic() - self._shown >= _EVERY_S:
            self._shown = time.monotonic()
            of = f" of {self._size / _UNIT:,.1f}" if self._size else ""
            note(f"{self.file}: {self.done / _UNIT:,.1f}{of} MB")

    def say(self, message: str) -> None:
        warn(message)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        self.close()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            DownloadColumn(),
            Speed(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
