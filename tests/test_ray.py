"""What `--engine ray` refuses and says, without a cluster: addresses, workers, versions, a full store, dead workers."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from console import call
from toy import Toy

import bench
from bench.api import planned
from bench.cluster.engine import engine_of, shared_out, stretches
from bench.cluster.joining import joined, refuse_silent
from bench.cluster.worker import About, refuse_other_versions
from bench.errors import InputError, MissingError, StoppedError
from bench.store import VectorStore
from bench.system.own import own_object
from bench.watch import Watch

HERE = (platform.python_version(), bench.__version__)
RUN = ("run", "--model", "muse-small", "--task", "mini", "--lang", "en", "--no-board")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--address", "10.0.0.1:6379"], "--address 10.0.0.1:6379: this is for --engine ray alone"),
        (["--workers", "2"], "--workers 2: this is for --engine ray alone"),
        (["--engine", "ray", "--workers", "0"], "--workers 0: expected a whole number from 1 on"),
        (["--engine", "ray", "--workers", "-1"], "--workers -1: expected a whole number from 1 on"),
    ],
)
def test_options_without_sense(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, *RUN, *options)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"bench: {message}\n")


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(InputError, match="unknown engine 'rya': did you mean 'ray'"):
        planned("bm25", "mini", engine="rya")


@pytest.mark.parametrize("address", ["nonsense", "host", "host:", ":6379", "host:0", "host:99999", "http://host:1"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(InputError, match=r"expected HOST:PORT, such as 10.0.0.1:6379 that `ray start` printed"):
        refuse_silent(address, offline=False)


def test_a_client_address_and_another_host_offline() -> None:
    with pytest.raises(InputError, match="run on a machine of the cluster"):
        refuse_silent("ray://host:10001", offline=False)
    with pytest.raises(InputError, match="--offline connects to no other host"):
        refuse_silent("203.0.113.7:6379", offline=True)


def test_an_address_where_nobody_listens(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{port_of(server)}"
    outcome = call(capsys, *RUN, "--engine", "ray", "--address", address, "--cache", tmp_path)
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err == (
        f"bench: --address {address}: no Ray answers there within 5 s (Connection refused): is it running "
        "(ray status), and is the port that of `ray start`?\n"
    )
    assert not list((tmp_path / "vectors" / ".locks").glob("*.ray"))


def test_an_address_that_takes_the_call_and_is_silent(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cluster.joining.ANSWER_S", 0.2)
    with pytest.raises(StoppedError, match=r"no Ray answers there within 0 s \(no answer\)"):
        refuse_silent(f"127.0.0.1:{port_of(listener)}", offline=True)


@pytest.mark.parametrize(
    ("reply", "is_ray"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", False), (b"", False), (bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), True)],
)
def test_an_address_where_something_answers(listener: socket.socket, reply: bytes, is_ray: bool) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(64)
            connection.sendall(reply)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        if is_ray:
            refuse_silent(f"127.0.0.1:{port_of(listener)}", offline=True)
        else:
            with pytest.raises(StoppedError, match="what answers there is not Ray"):
                refuse_silent(f"127.0.0.1:{port_of(listener)}", offline=True)
    finally:
        thread.join()


@pytest.mark.slow
def test_an_address_of_another_server_that_speaks_rays_protocol(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    monkeypatch.setattr("bench.cluster.joining.JOIN_S", 4.0)
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with suppress(OSError):
                while True:
                    kept.append(server.accept()[0])
                    kept[-1].sendall(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))

        threading.Thread(target=greet, daemon=True).start()
        address = f"127.0.0.1:{port_of(server)}"
        outcome = call(capsys, *RUN, "--engine", "ray", "--address", address, "--cache", tmp_path)
    assert (outcome.code, outcome.out) == (4, "")
    assert (
        f"--address {address}: what answers there is not the head of a Ray cluster (nothing from it within 4 s): "
        in (outcome.err)
    )
    assert not list(tmp_path.rglob("*.ray")) and not list(tmp_path.rglob("*.npy"))


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    before = dict(os.environ)
    with pytest.raises(MissingError, match=r"Ray is not installed: pip install 'multilingual-retrieval-bench\[ray\]'"):
        bench.run(Toy(), "mini", ["en"], engine="ray", cache=tmp_path)
    assert {name for name in os.environ if name.startswith("RAY_")} - set(before) <= {"RAY_USAGE_STATS_ENABLED"}


def test_nodes_with_other_versions_are_named() -> None:
    fits = About("a1", "one", 1, *HERE, True)
    patched = fits._replace(python=HERE[0].rsplit(".", 1)[0] + ".99")
    refuse_other_versions([fits, patched])
    old_python, old_bench = (
        About("b2", "two", 2, "3.10.1", HERE[1], True),
        About("c3", "three", 3, HERE[0], "0.0.1", True),
    )
    with pytest.raises(StoppedError) as error:
        refuse_other_versions([fits, old_python, old_bench])
    assert str(error.value).splitlines() == [
        f"nodes with other versions than here (bench {HERE[1]}, Python {HERE[0]}):",
        f"  three (c3): bench 0.0.1, Python {HERE[0]}",
        f"  two (b2): bench {HERE[1]}, Python 3.10.1",
        "install the same on all of them, or start Ray without them",
    ]


CPU, BIG, GPU = {"CPU": 1.0}, {"CPU": 16.0}, {"CPU": 8.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("nodes", "wanted", "device", "share"),
    [
        ([CPU, CPU], None, None, (2, 1, 0)),  # One a node.
        ([BIG], None, None, (1, 16, 0)),
        ([BIG], 2, None, (2, 8, 0)),
        ([BIG], 3, None, (3, 5, 0)),
        ([CPU, BIG], 5, None, (5, 1, 0)),
        ([{"memory": 1.0}, BIG], None, None, (1, 16, 0)),  # A head without processors takes no worker.
        ([BIG, GPU], None, None, (4, 2, 1)),  # One a GPU, and all of them are on one node.
        ([GPU, GPU], 3, "cuda", (3, 4, 1)),
        ([GPU, GPU], 5, "cuda", (5, 2, 1)),
        ([{"CPU": 9.0, "GPU": 1.0}, GPU], None, "cuda", (5, 2, 1)),
        ([{"CPU": 1.0, "GPU": 2.0}], None, None, (2, 0, 1)),  # There is none for each.
        ([{"GPU": 1.0}, BIG], None, "cuda", (1, 0, 1)),
        ([GPU], None, "cpu", (1, 8, 0)),
        ([GPU], 8, "cpu", (8, 1, 0)),
    ],
)  # fmt: skip
def test_what_a_worker_gets(nodes: list[Any], wanted: int | None, device: str | None, share: tuple[int, ...]) -> None:
    found = shared_out(nodes, wanted, device)
    assert (found.workers, found.cpus, found.gpus) == share


def test_more_workers_than_the_cluster_has_room_for() -> None:
    with pytest.raises(InputError, match="--workers 3: the cluster has 2 processors, one a worker at least"):
        shared_out([CPU, CPU], 3, None)
    with pytest.raises(InputError, match="--workers 9: the cluster has 8 GPUs, one a worker at least"):
        shared_out([GPU, GPU], 9, None)
    for several in ("cuda:1", "cuda:0,cuda:1", "cuda,cuda"):
        with pytest.raises(InputError, match=f"^--device {several}: with --engine ray .* device: say --device cuda$"):
            shared_out([GPU], None, several)


def test_gpus_that_no_node_has() -> None:
    with pytest.raises(InputError, match=r"^--device cuda: no node of the cluster has a GPU .* or leave --device away"):
        shared_out([CPU, BIG], None, "cuda")


def test_more_workers_than_this_machine_is_good_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cluster.joining.cores", lambda: 2)
    with (
        pytest.raises(InputError, match=r"^--workers 9: this machine has 2 processors, for 8 workers at most$"),
        joined(None, 9, offline=True),
    ):
        raise AssertionError("Ray was started")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--address", "nowhere"], 2, "--address nowhere: expected HOST:PORT"),
        (["--address", "ray://head:10001"], 2, "--address ray://head:10001: a client cannot give workers a folder"),
        (["--workers", "999999"], 2, "--workers 999999: this machine has "),
        (["--address", "203.0.113.7:6379"], 0, ""),  # Nobody is called.
    ],
)
def test_a_dry_run_says_what_the_run_would_say(
    options: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    outcome = call(capsys, *RUN, "--engine", "ray", *options, "--dry-run", "--cache", tmp_path / "cache")
    assert outcome.code == code
    assert outcome.err.removeprefix("bench: ").startswith(message)
    assert not (tmp_path / "cache").exists()


def test_stretches_are_complete_and_even() -> None:
    shards: list[Any] = list(range(10))
    assert [list(part) for part in stretches(shards, 3)] == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]
    assert [list(part) for part in stretches(shards, 10)] == [[n] for n in range(10)]


def test_a_model_without_a_fingerprint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not say what its weights are.*nobody can tell workers' vectors apart"):
        bench.run(lambda texts: None, "mini", ["en"], engine="ray", cache=tmp_path)


def test_a_folder_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(handle: int, operation: int) -> None:
        if operation & fcntl.LOCK_NB and "probe" in str(Path(f"/proc/self/fd/{handle}").readlink()):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    plan = planned(Toy(), "mini", ["en"], engine="ray", cache=tmp_path)
    with pytest.raises(StoppedError, match="keeps no locks"), engine_of(plan, Watch(), []):
        pass


def test_what_has_nothing_to_encode_is_done_here(tmp_path: Path) -> None:
    result = bench.run("bm25", "mini", ["en"], engine="ray", cache=tmp_path, measures=["nDCG@10"])
    assert result["notes"][0] == "--engine ray: bm25 has no texts to encode on these machines: all was done here"
    assert result["languages"]["en"]["nDCG@10"] == pytest.approx(0.732, abs=5e-4)


def test_a_shard_that_came_as_bytes_is_the_shard(tmp_path: Path) -> None:
    (encoder,) = own_object(Toy()).encoders
    made, here = VectorStore(tmp_path / "a"), VectorStore(tmp_path / "b")
    shard = made.get(encoder, ["one", "two"], "document", "en")
    assert shard is not None
    request = here.request(encoder, ["one", "two"], "document", "en")
    with pytest.raises(StoppedError, match="arrived damaged"):
        here.put(request, shard.path.read_bytes()[:-1], shard.meta)
    put = here.put(request, shard.path.read_bytes(), shard.meta)
    assert (put.rows, put.reused, put.meta) == (2, False, shard.meta)
    assert put.path.read_bytes() == shard.path.read_bytes()
    found = here.find(request.recipe, request.key)
    assert found is not None and found.meta == shard.meta
    assert here.put(request, shard.path.read_bytes(), shard.meta).reused


def test_a_full_object_store_is_said() -> None:
    exceptions = pytest.importorskip("ray.exceptions", reason="needs the extra `ray`")
    from bench.cluster.crew import Task, _sent

    class Full:
        def remote(self, *arguments: object) -> object:
            raise exceptions.ObjectStoreFullError("Failed to put object in object store")

    class Actor:
        encode = Full()

    with pytest.raises(StoppedError, match=r"object store is full \(Failed to put object.*--object-store-memory BYTES"):
        _sent(Actor(), Task(0, "shard 1", "encode", ()))
