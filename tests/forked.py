"""Runs in processes forked from a warm one, each of which may be killed at a moment of its own choosing.

Started as a program it reads a line of JSON for every run: where, in which phase, and how many seconds after the start
of that phase the kernel is to end the process (SIGALRM, which nobody handles: no line of Python runs any more). It
answers with how the process ended and the phases that it came to.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toy import Toy

import bench.api
import bench.cluster.engine
import bench.execute
from bench.watch import Watch

LAST = "score"
"""From here on a run scores and writes what it leaves, to its end."""


class Deadly(Watch):
    """Writes down the phases; sets the alarm at the first begin of one of them."""

    def __init__(self, log: Path, phase: str | None, delay: float) -> None:
        super().__init__()
        self._log, self._phase, self._delay = log, phase, delay
        self._seen = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        if name != self._seen:
            self._seen = name
            with self._log.open("a") as file:
                file.write(f"{name} {time.monotonic()}\n")
            if name == self._phase:
                signal.setitimer(signal.ITIMER_REAL, max(self._delay, 1e-6))
        with super().phase(name):
            yield


def run(root: Path, phase: str | None, delay: float, pause: float) -> None:
    """One run over the collection beside the folder, with all that it keeps below it."""
    places = {name: root / name for name in ("cache", "output", "board")}
    bench.api.run(
        Toy(root / "log", pause),
        f"path:{root.parent / 'questions'}",
        watch=Deadly(root / "phases", phase, delay),
        shard_size=50,
        latency=False,
        **places,  # type: ignore[arg-type]
    )


def child(order: dict[str, Any]) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.fsync = lambda handle: None  # The process dies here, not the machine.
    try:
        run(Path(order["root"]), order.get("phase"), order.get("delay", 0.0), order["pause"])
        with (Path(order["root"]) / "phases").open("a") as file:
            file.write(f"end {time.monotonic()}\n")
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


def main() -> None:
    import faiss  # noqa: F401 - what a run imports is there already, and has done nothing yet
    import filelock  # noqa: F401
    import pandas as pd  # noqa: F401
    import pyarrow.compute
    import pyarrow.parquet
    import pytrec_eval  # noqa: F401
    import threadpoolctl  # noqa: F401

    pyarrow.set_cpu_count(1)
    for line in sys.stdin:
        order = json.loads(line)
        (Path(order["root"]) / "phases").unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            child(order)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        lines = (Path(order["root"]) / "phases").read_text().split("\n")[:-1]
        print(json.dumps({"status": status, "phases": dict(row.split(" ") for row in lines)}), flush=True)


if __name__ == "__main__":
    main()
