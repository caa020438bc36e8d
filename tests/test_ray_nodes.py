"""A node of a Ray cluster that dies in the middle of a run costs what it had in hand, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from clusters import TASK, TEXTS, Heard, cluster, encoded_twice, gone, meanwhile, run
from console import call
from hands import Hand, Searching, pids, searches

import bench
from bench.cluster.crew import room
from bench.cluster.joining import joined
from bench.errors import StoppedError

pytest.importorskip("ray", reason="needs the extra `ray`")
pytestmark = pytest.mark.slow


# A node is found to be dead soon, so that no test meets that of another; and no object may be spilled to the disk.
SETTINGS = {
    "local_fs_capacity_threshold": 0.01,
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 5,
}


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A cluster whose head has one processor."""
    with cluster({"num_cpus": 1}, **SETTINGS) as made:
        yield made


@pytest.fixture
def nodes(head: Any) -> Iterator[Any]:
    """The same with one more node, the one that dies."""
    node = head.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    head.wait_for_nodes(60)
    yield head
    if node in head.worker_nodes:
        head.remove_node(node, allow_graceful=False)
    head.wait_for_nodes(60)


def kill_raylet(made: Any) -> None:
    """What an out-of-memory killer does to a node: its workers have to notice by themselves."""
    (node,) = made.worker_nodes
    os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)


def remove(made: Any) -> None:
    """All processes of the node at once, as where a machine is switched off."""
    (node,) = made.worker_nodes
    made.remove_node(node, allow_graceful=False)


def last_of(workers: set[int], log: Path) -> list[int]:
    """The place of the last batch of each worker, in their order."""
    order = pids(log)
    return sorted(len(order) - 1 - order[::-1].index(worker) for worker in workers)


def test_a_node_that_dies_costs_what_it_had_in_hand(
    nodes: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log, watch = tmp_path / "ray.log", Heard()
    capfd.readouterr()
    with meanwhile(log, 9, lambda pid: kill_raylet(nodes)):
        result, found = run(tmp_path, "ray", Hand(log, 0.1), engine="ray", address=nodes.address, watch=watch)
    assert capfd.readouterr().out == "", "standard output is for results"
    assert found == run(tmp_path, "local", Hand(tmp_path / "local.log"))[1]
    # What the lost worker still stored, unheard, before it saw that its raylet was gone counts as found.
    assert sum(result["vectors"].values()) == TEXTS and result["vectors"]["reused"] <= 2 * TASK["shard_size"]
    assert sum("died, what it had in hand goes to another" in text for text in watch.said) == 1
    assert len(encoded_twice(log)) <= TASK["shard_size"], "a finished shard was encoded again"
    workers = set(pids(log))
    assert len(workers) == 2, "there is room for no other worker"
    assert last_of(workers, log)[0] < last_of(workers, log)[1] - 10, "one node went on alone"
    assert gone(workers)


def test_a_node_that_dies_in_the_middle_of_a_search(nodes: Any, tmp_path: Path) -> None:
    log, watch = tmp_path / "ray.log", Heard()
    with meanwhile(searches(log), 2, lambda pid: remove(nodes)):
        result, found = run(tmp_path, "ray", Searching(log, 0.02), engine="ray", address=nodes.address, watch=watch)
    assert found == run(tmp_path, "local", Searching(tmp_path / "local.log"))[1]
    assert result["vectors"] == {"encoded": TEXTS, "reused": 0}
    assert sum("died, what it had in hand goes to another" in text for text in watch.said) == 1
    # Two stretches at once in the first language, one of them again; then one alone in the other.
    assert len(pids(searches(log))) == 4
    assert not encoded_twice(log)


def test_a_cluster_without_gpus_that_is_asked_for_one(
    head: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.save_model(tmp_path / "tiny", tiny.word_tokenizer())
    asked = ["run", "--model", f"path:{tmp_path / 'tiny'}", "--task", "mini", "--no-board", "--device", "cuda"]
    places = ["--cache", tmp_path / "cache", "--output", tmp_path / "out"]
    outcome = call(capsys, *asked, "--engine", "ray", "--address", head.address, *places)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[-1].startswith("bench: --device cuda: no node of the cluster has a GPU (ray status")
    left = [path for path in (tmp_path / "cache", tmp_path / "out") for path in path.rglob("*") if path.is_file()]
    assert [path for path in left if path.suffix != ".lock"] == []


def test_nodes_with_another_version_are_refused_before_the_first_shard(
    head: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = bench.__version__
    monkeypatch.setattr(bench, "__version__", "0.0.1")
    monkeypatch.chdir(tmp_path)
    asked = ["run", "--model", "python:hands:Here", "--task", "mini", "--no-board"]
    places = ["--cache", tmp_path / "cache", "--output", tmp_path / "out"]
    outcome = call(capsys, *asked, "--engine", "ray", "--address", head.address, *places)
    assert (outcome.code, outcome.out) == (4, "")
    first, node, last = outcome.err.splitlines()[-3:]
    assert first.startswith("bench: nodes with other versions than here (bench 0.0.1, Python 3.")
    assert f": bench {there}, Python 3." in node
    assert last == "install the same on all of them, or start Ray without them"
    assert not pids(tmp_path / "here.log")
    assert not list(tmp_path.rglob("*.npy")) and not list(tmp_path.rglob("*.ray"))


def test_an_object_store_that_is_full(head: Any) -> None:
    kept = []
    with (
        joined(head.address, None, offline=True) as ray,
        pytest.raises(
            StoppedError, match=r"^Ray's object store is full \(.*\); what is finished is kept: give Ray more"
        ),
        room(),
    ):
        kept += [ray.put(np.ones(40 << 20, np.uint8)) for _ in range(5)]
    assert not kept
