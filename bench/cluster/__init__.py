"""Work on other processes and machines by Ray: the same shards and the same results, from many hands.

`engine` has what a run is given, `crew` the workers as this process sees them, `worker` what they do, `joining` how Ray
is reached. Nothing here is imported unless a run asks for it, but for the values in this module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError, unknown
from bench.registry import Registry
from bench.system import Options, System, resolve

ENGINES = ("local", "ray")
"""Who may do a run's work."""


@dataclass(frozen=True)
class Origin:
    """What a system was resolved from, so that another process resolves the same; `model` may be an object."""

    model: Any
    cards: Path | None
    options: Options
    instruction: str | None
    task: str

    def system(self) -> System:
        """The system, as `resolve` makes it; raises what that raises."""
        return resolve(self.model, Registry(self.cards), self.options, self.instruction, self.task)


@dataclass(frozen=True)
class Cluster:
    """That a run is to be done by Ray: at this address, None to start it here, and with so many workers.

    None is one a GPU or, where there is none, one a machine.
    """

    origin: Origin
    address: str | None = None
    workers: int | None = None


def chosen_cluster(origin: Origin, engine: str, address: str | None, workers: int | None) -> Cluster | None:
    """What the options say, None for this process; InputError for an engine that there is not, or without sense."""
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES, f"known: {', '.join(ENGINES)}")
    if engine == "local":
        given = {"--address": address, "--workers": workers}
        for option in (name for name, value in given.items() if value is not None):
            raise InputError(f"{option} {given[option]}: this is for --engine ray alone")
        return None
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: expected a whole number from 1 on")
    if address is not None:
        host_and_port(address)
    return Cluster(origin, address, workers)


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of `HOST:PORT`; InputError for anything else."""
    if address.startswith("ray://"):
        raise InputError(
            f"--address {address}: a client cannot give workers a folder: run on a machine of the cluster, with the "
            "address that `ray start` printed there, HOST:6379"
        )
    match = re.fullmatch(r"\[?([^\s/\]]+?)\]?:(\d{1,5})", address)
    if match is None or not 0 < int(match[2]) < 1 << 16:
        raise InputError(f"--address {address}: expected HOST:PORT, such as 10.0.0.1:6379 that `ray start` printed")
    return match[1], int(match[2])
