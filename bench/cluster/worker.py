"""A worker: what runs in a process of Ray, maybe on another machine. It resolves the system by itself, and encodes."""

from __future__ import annotations

import os
import pickle
import platform
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import bench
from bench.cluster import Origin
from bench.encoding import Side, TextEncoder
from bench.errors import BenchError, InputError, StoppedError
from bench.files import digest
from bench.idtable import Ids
from bench.locks import refuse_without_locks
from bench.retriever import Vectors
from bench.search.parts import Part, search_part
from bench.store import Shard, VectorStore


class About(NamedTuple):
    """A worker: its node, what it runs with, and whether it sees the folder of vectors of who asks."""

    node: str
    host: str
    pid: int
    python: str
    version: str
    sees: bool


class Sent(NamedTuple):
    """A shard as bytes, of a worker that does not see the store, and what is known of it."""

    data: bytes
    meta: dict[str, Any]


class Made(NamedTuple):
    """What came of a window: a shard in the store, one as bytes, or None where another process is at it; and notes."""

    shard: Shard | Sent | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """What every worker is told: the system, the folder of vectors, a file in it to know it by, and so on.

    `origin` is pickled by itself: what is in it may be found along `path` alone. `variables` are of the environment.
    """

    origin: bytes
    store: Path
    token: str
    threads: int
    folder: str
    path: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    seed: int = 0

    def mark(self) -> Path:
        """The file by which a worker knows that it sees the folder of vectors."""
        return self.store / ".locks" / f"{self.token}.ray"


class Worker:
    """Encodes windows and searches shards, one call at a time."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._said: list[str] = []
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    def about(self) -> About:
        """Make ready, and say what this is. StoppedError where the folder of vectors is there but keeps no locks."""
        import ray

        self._settle()
        sees = self._order.mark().exists()
        if sees:
            refuse_without_locks(self._order.store)
        python, node = platform.python_version(), str(ray.get_runtime_context().get_node_id())[:8]
        return About(node, platform.node(), os.getpid(), python, bench.__version__, sees)

    def encode(self, number: int, recipe: str, texts: list[str], side: Side, language: str, wait: bool) -> Made:
        """The shard of a window, by the encoder with that number, whose recipe must have that digest."""
        encoder = self._encoder(number, recipe, side)
        if self._order.mark().exists():
            store = VectorStore(self._order.store, self._said.append, set(), self._order.seed)
            shard: Shard | Sent | None = store.get(encoder, texts, side, language, wait=wait)
        else:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                there = VectorStore(Path(folder), self._said.append, set(), self._order.seed)
                own = there.get(encoder, texts, side, language)
                shard = Sent(own.path.read_bytes(), own.meta) if own else None
        notes, self._said[:] = tuple(self._said), []
        return Made(shard, notes)

    def search(
        self, queries: Vectors, paths: list[Path], ids: Ids, first: int, count: int, k: int, memory: int
    ) -> Part:
        """The top k of each query among some rows of the corpus; `ids` are those of all of them."""
        return search_part(queries, paths, ids, first, count, k, memory)

    def _settle(self) -> None:
        """Work where the user works, find the modules that the user finds, and take no more threads than given."""
        from threadpoolctl import threadpool_limits

        folder = Path(self._order.folder)
        if folder.is_dir():
            os.chdir(folder)
        sys.path += [place for place in self._order.path if place not in sys.path and Path(place).exists()]
        os.environ.update(self._order.variables)
        os.environ["OMP_NUM_THREADS"] = str(self._order.threads)  # For what is loaded later.
        threadpool_limits(self._order.threads)

    @cached_property
    def _encoders(self) -> tuple[TextEncoder, ...]:
        origin: Origin = pickle.loads(self._order.origin)
        return origin.system().encoders

    def _encoder(self, number: int, recipe: str, side: Side) -> TextEncoder:
        try:
            encoder = self._encoders[number]
        except BenchError as error:
            raise type(error)(f"{_here()}: {error}") from error
        except ImportError as error:
            raise InputError(f"{_here()}: {error}: the model's own code must be there too") from error
        if digest(encoder.recipe(side)) != recipe:
            raise InputError(
                f"{_here()}: the model is another one there than here (weights, prompts or settings): give all "
                "machines the same cards and weights"
            )
        return encoder


def _end_with(parent: int) -> None:
    """End this process with its parent, which is Ray's own of this node: where that is killed, Ray leaves workers."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _here() -> str:
    return f"worker on {platform.node()}"


def refuse_other_versions(workers: list[About]) -> None:
    """StoppedError that names each node with another version of this package or of Python than here."""
    here = (platform.python_version(), bench.__version__)
    lines = {
        f"  {worker.host} ({worker.node}): bench {worker.version}, Python {worker.python}"
        for worker in workers
        if worker.version != here[1] or worker.python.split(".")[:2] != here[0].split(".")[:2]
    }
    if lines:
        listed = "\n".join(sorted(lines))
        raise StoppedError(
            f"nodes with other versions than here (bench {here[1]}, Python {here[0]}):\n{listed}\n"
            "install the same on all of them, or start Ray without them"
        )
