"""What a benchmark leaves behind: its figures with command, machine and load, for `benchmarks/book.py` to draw from."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))  # So that a benchmark runs from a checkout that is not installed.

RESULTS = Path(__file__).resolve().parent / "results"


class Seconds(NamedTuple):
    """What some work took: by the clock, and of all processors together (other work on the machine is not in it)."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Seconds:
    """Do the work once."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def alternated(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[Seconds]]:
    """Each work once a round, taking turns in going first; a round before the first is not counted."""
    took: dict[str, list[Seconds]] = {name: [] for name in works}
    names = list(works)
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seconds = timed(works[name])
            if turn:
                took[name].append(seconds)
    return took


@contextmanager
def workplace(name: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder for what is generated; it is removed in the end, after SIGTERM too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=parent) as folder:
        yield Path(folder)


def keep(name: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> Path:
    """Write `results/NAME.json`: the figures as rows of one table, and facts that hold for all of them."""
    from bench.files import dump_json, write_whole
    from bench.provenance import hardware, now, versions

    content = {
        "name": name,
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": now(),
        "machine": hardware(),
        "versions": versions(),
        "load": round(os.getloadavg()[0], 1),
        "facts": facts,
        "rows": [dict(row) for row in rows],
    }
    path = RESULTS / f"{name}.json"
    write_whole(path, dump_json(content, indent=1).encode())
    return path


def report(result: dict[str, Any], show: Callable[[dict[str, Any]], None], *, as_json: bool) -> None:
    """Print what a benchmark found: as one line of JSON, else as it is shown to people."""
    if as_json:
        print(json.dumps(result))
    else:
        show(result)


def kept(name: str) -> dict[str, Any] | None:
    """What a benchmark left behind last, None where it has not been run."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found
