"""The vector store: two processes on one store."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import signal
import time
from collections import Counter
from pathlib import Path

from shards import Texts, toy
from toy import logged, text_id

from bench.adapters.dense import DenseRetriever
from bench.store import VectorStore
from bench.watch import Watch

SPAWN = multiprocessing.get_context("spawn")
CORPUS = [f"document {n} {'word ' * (n % 7)}" for n in range(120)]


def index(root: Path, log: Path, start: multiprocessing.synchronize.Barrier) -> None:
    retriever = DenseRetriever(toy(log, pause=0.05), VectorStore(root), Watch(), shard_size=10)
    start.wait()
    retriever.index(Texts(CORPUS), root)
    assert len(retriever.shards) == 12


def encode_for_ever(root: Path, log: Path) -> None:
    VectorStore(root).get(toy(log, pause=3600), CORPUS[:10], "document", "en")


def test_two_processes_encode_each_shard_once(tmp_path: Path) -> None:
    start = SPAWN.Barrier(2)
    logs = [tmp_path / "log 1", tmp_path / "log 2"]
    processes = [SPAWN.Process(target=index, args=(tmp_path / "both", log, start)) for log in logs]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    encoded = Counter(text for log in logs for _, texts in logged(log) for text in texts)
    assert encoded == {text_id(text): 1 for text in CORPUS}
    alone = VectorStore(tmp_path / "alone")
    DenseRetriever(toy(), alone, Watch(), shard_size=10).index(Texts(CORPUS), tmp_path)
    files = [{p.name: p.read_bytes() for p in (tmp_path / n).glob("*/*.npy")} for n in ("both", "alone")]
    assert len(files[0]) == 12
    assert files[0] == files[1]


def test_a_shard_in_the_hands_of_another_process_is_left_to_it_until_that_dies(tmp_path: Path) -> None:
    store, log = VectorStore(tmp_path / "store"), tmp_path / "log"
    process = SPAWN.Process(target=encode_for_ever, args=(store.root, log), daemon=True)
    process.start()
    while not logged(log):
        assert process.is_alive()
        time.sleep(0.01)
    assert store.get(toy(log), CORPUS[:10], "document", "en", wait=False) is None
    assert store.get(toy(log), CORPUS[10:20], "document", "en", wait=False) is not None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    shard = store.get(toy(log), CORPUS[:10], "document", "en", wait=False)
    assert shard is not None
    assert not shard.reused
    assert [len(texts) for _, texts in logged(log)] == [10, 10, 10]
