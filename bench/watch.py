"""Watching a run: seconds and peak memory by phase, and where it stands. The silent watch only measures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def peak_memory_mb() -> float | None:
    """The peak resident set of this process in MB (10^6 bytes), as the system reports it; None where it does not."""
    import sys

    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


@dataclass
class Watch:
    """Receives what a run does; subclasses show it. Counts are of texts, measurements of one subset.

    `seconds` and `peak` are by phase: `encode_documents`, `encode_queries`, `index`, `search`, `score`; what is done
    `aside`, such as `latency`, is in no total.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float | None] = field(default_factory=dict)

    def plan(self, label: str, documents: int | None) -> None:
        """A whole job begins, with so many documents in all, None if that is not known."""

    def begin(self, subset: str, documents: int | None) -> None:
        """A subset begins: the measurements start afresh."""
        self.seconds, self.peak = {}, {}

    def end(self, subset: str) -> None:
        """A subset is done."""

    def encoded(self, texts: int) -> None:
        """So many more documents have been encoded."""

    def reused(self, texts: int) -> None:
        """So many more documents were found in the store."""

    def searched(self, done: int, total: int | None) -> None:
        """Search has gone through `done` of `total` vectors."""

    def say(self, message: str) -> None:
        """A note for the user."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside, added to what the phase took before."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self.peak[name] = peak_memory_mb()

    @contextmanager
    def aside(self, name: str) -> Iterator[None]:
        """Time what happens inside under this name alone, whatever phases it goes through."""
        seconds, peak = dict(self.seconds), dict(self.peak)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds, self.peak = seconds, peak
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self.peak[name] = peak_memory_mb()

    @contextmanager
    def rest(self, name: str) -> Iterator[None]:
        """Time what happens inside and no phase within has taken for itself."""
        start, attributed = time.perf_counter(), sum(self.seconds.values())
        try:
            yield
        finally:
            own = time.perf_counter() - start - (sum(self.seconds.values()) - attributed)
            self.seconds[name] = self.seconds.get(name, 0.0) + max(0.0, own)
            self.peak[name] = peak_memory_mb()
