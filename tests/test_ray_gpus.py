"""Workers of Ray on GPUs that a node has by its own account: who gets which, and what is said where there are too few."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import TEXTS, Heard, cluster, gone, run
from hands import Hand, Seeing, pids, seen

from bench.errors import InputError, StoppedError

ray = pytest.importorskip("ray", reason="needs the extra `ray`")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A head with processors alone, and a node with two GPUs that nobody has seen."""
    with cluster({"num_cpus": 3}, {"num_cpus": 4, "num_gpus": 2}) as made:
        yield made.address


def test_a_worker_has_a_gpu_to_itself(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    log = tmp_path / "ray.log"
    result, found = run(tmp_path, "ray", Seeing(log, 0.02), engine="ray", address=address)
    # Two of the node's four processors each; the head's stay idle.
    assert seen(log) == {("0", ("0",), "2"), ("1", ("1",), "2")}
    assert len(set(pids(log))) == 2
    assert found == run(tmp_path, "local", Seeing(tmp_path / "local.log"), latency=False)[1]
    assert result["vectors"] == {"encoded": TEXTS, "reused": 0}
    with pytest.raises(InputError, match=r"^--workers 3: the cluster has 2 GPUs, one a worker at least$"):
        run(tmp_path, "more", Hand(log), engine="ray", address=address, workers=3)
    assert not list((tmp_path / "more" / "vectors").glob("*/*.npy"))


@pytest.fixture
def holding(address: str) -> Iterator[Any]:
    """Another job of this process, which takes so many of the GPUs until the test is over."""
    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    held = []

    @ray.remote(num_cpus=0, num_gpus=1)
    class Other:
        def ready(self) -> None: ...

    def hold(count: int) -> None:
        held.extend(Other.remote() for _ in range(count))
        ray.get([other.ready.remote() for other in held])

    yield hold
    ray.shutdown()


def test_gpus_that_another_job_has(address: str, holding: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cluster.crew.START_S", 8.0)
    log, watch = tmp_path / "ray.log", Heard()
    holding(1)
    result, _ = run(tmp_path, "ray", Hand(log), engine="ray", address=address, watch=watch)
    assert result["vectors"] == {"encoded": TEXTS, "reused": 0}
    said = [text for text in watch.said if "workers have started" in text]
    assert len(said) == 1
    assert said[0].startswith("1 of 2 workers have started, the others did not: the cluster has ")
    assert said[0].endswith("0 of 2 GPUs free")
    assert len(set(pids(log))) == 1 and gone(set(pids(log)))
    monkeypatch.setattr("bench.cluster.crew.START_S", 3.0)
    holding(1)
    with pytest.raises(StoppedError, match=r"^Ray started none of 2 workers: not within 3 s, .* 0 of 2 GPUs free$"):
        run(tmp_path, "none", Hand(log), engine="ray", address=address)
