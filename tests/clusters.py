"""Clusters of Ray on this machine, runs on them, and what is to happen in the middle of one."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hands import pids
from toy import logged, text_id

import bench
from bench.store import EXAMPLE
from bench.watch import Watch

TASK: dict[str, Any] = {"task": "mini", "languages": ["en", "sw"], "shard_size": 4, "measures": ["nDCG@10"]}
TEXTS = 2 * (48 + 48)
_PASSWORD = secrets.token_hex(32)  # Ray reads it once a process, whatever number of clusters there are.
_STORE = 100 * 2**20


class Heard(Watch):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.texts: Counter[str] = Counter()

    def say(self, message: str) -> None:
        self.said.append(message)

    def encoded(self, texts: int) -> None:
        self.texts["encoded"] += texts

    def reused(self, texts: int) -> None:
        self.texts["reused"] += texts


@contextmanager
def cluster(*nodes: dict[str, Any], **system: Any) -> Iterator[Any]:
    """A cluster of nodes with these resources, the first of which is its head; `system` configures Ray itself."""
    # The folder is short, since sockets lie in it.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as env,
    ):
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text(_PASSWORD)
        tests = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
        for name, value in {"RAY_TMPDIR": folder, "RAY_AUTH_TOKEN_PATH": str(token), "PYTHONPATH": tests}.items():
            env.setenv(name, value)
        env.setenv("RAY_USAGE_STATS_ENABLED", "0")
        env.setenv("OMP_NUM_THREADS", "1")
        from ray.cluster_utils import Cluster

        own = {"include_dashboard": False} | ({"_system_config": system} if system else {})
        head, *others = ({"object_store_memory": _STORE} | node for node in nodes)
        made = _begun(Cluster, head | own)
        try:
            for node in others:
                made.add_node(**node)
            yield made
        finally:
            made.shutdown()


def _begun(kind: Any, head: dict[str, Any]) -> Any:
    """A head that has started: Ray gives a node 30 s, which on a busy machine may be too few."""
    for left in (1, 0):
        try:
            return kind(initialize_head=True, head_node_args=head)
        except Exception as error:
            if not left or "timed out" not in str(error):
                raise
    raise AssertionError


def files(folder: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in folder.rglob("*.trec.gz")}
    assert found
    return found


def run(root: Path, name: str, model: Any, **options: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A run's result and the bytes of its run files."""
    result = bench.run(model, cache=root / name, output=root / f"{name}-out", **TASK | options)
    return result, files(root / f"{name}-out")


def encoded_twice(log: Path) -> list[str]:
    """The ids of the texts that were encoded more than once, but for the example of every shard."""
    times = Counter(text for _, texts in logged(log) for text in texts)
    return [text for text, count in times.items() if count > 1 and text != text_id(EXAMPLE)]


def gone(processes: set[int]) -> bool:
    """Whether none of them lives any more, after a while if need be."""
    until = time.monotonic() + 20
    while any(map(_alive, processes)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(_alive, processes))


def _alive(pid: int) -> bool:
    """One that nobody has asked for its end yet (a zombie) is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


@contextmanager
def meanwhile(log: Path, batches: int, act: Callable[[int], object]) -> Iterator[None]:
    """As soon as so many batches were begun, do something with the process of the last one."""
    over = threading.Event()

    def watch() -> None:
        while len(pids(log)) < batches and not over.is_set():
            time.sleep(0.01)
        if not over.is_set():
            act(pids(log)[-1])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
