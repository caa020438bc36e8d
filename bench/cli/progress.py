"""What a run shows on stderr while it runs: a bar on a terminal, a line now and then elsewhere, nothing if --quiet."""

from __future__ import annotations

import sys
import time
from typing import Any

from bench.cli.output import note, warn
from bench.watch import Watch

_EVERY_S = 10.0


class Shown(Watch):
    """Counts texts over the whole job, so that rate and time left are those of the job.

    The rate is that of encoding; what is found in the store costs next to nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        super().__init__()
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._total: int | None = None
        self._done = self._encoded = 0
        self._label = self._subset = ""
        self._started = self._shown = time.monotonic()
        self.finished: list[str] = []

    def plan(self, label: str, documents: int | None) -> None:
        self.close()
        self._label, self._total, self._done, self._encoded = label, documents, 0, 0
        self._started = self._shown = time.monotonic()
        self.finished = []
        if not self._quiet and sys.stderr.isatty():
            self._open()

    def begin(self, subset: str, documents: int | None) -> None:
        super().begin(subset, documents)
        self._subset = subset
        self._show()

    def end(self, subset: str) -> None:
        self.finished.append(subset)
        self._show()

    def encoded(self, texts: int) -> None:
        self._encoded += texts
        self._step(texts)

    def reused(self, texts: int) -> None:
        self._step(texts)

    def searched(self, done: int, total: int | None) -> None:
        self._show(f"searching {done:,}/{total:,}" if total else "searching")

    def say(self, message: str) -> None:
        warn(message)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _step(self, texts: int) -> None:
        self._done += texts
        self._show()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(self._label, total=self._total, pace="")
        self._bar.start()

    def _show(self, doing: str = "") -> None:
        if self._bar is not None:
            description = f"{self._label}: {self._subset}"
            self._bar.update(self._task, completed=self._done, description=description, pace=doing or self._pace())
        elif not self._quiet and time.monotonic() - self._shown >= _EVERY_S:
            self._shown = time.monotonic()
            of = f"/{self._total:,}" if self._total else ""
            note(f"{self._label}: {self._subset}: {self._done:,}{of} documents, {doing or self._pace()}")

    def _pace(self) -> str:
        seconds = time.monotonic() - self._started
        if not self._encoded or seconds <= 0:
            return ""
        rate = self._encoded / seconds
        left = f", {_span((self._total - self._done) / rate)} left" if self._total else ""
        return f"{rate:,.0f}/s{left}" if rate >= 10 else f"{rate:.1f}/s{left}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours / 24:.1f} days"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
