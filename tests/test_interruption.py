"""Runs that are killed or interrupted: what was finished is kept, and the same command goes on to the same result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from toy import Toy, logged, text_id, write_beir

from bench.adapters.own import OwnEncoder
from bench.cli.interrupt import stopping
from bench.store import VectorStore

MODELS = '''
import ctypes, os, time
from pathlib import Path
from toy import Toy

class Slow(Toy):
    def __init__(self):
        super().__init__(Path(os.environ["TOY_LOG"]), float(os.environ["TOY_PAUSE"]))

class Deaf(Slow):
    """In a C function that no signal ends: it takes a lock twice. Python's own lock is free meanwhile."""
    def encode_docs(self, texts, language):
        self._encode("document", texts)
        libc = ctypes.CDLL(None)
        mutex = ctypes.create_string_buffer(256)
        libc.pthread_mutex_init(mutex, None)
        libc.pthread_mutex_lock(mutex)
        libc.pthread_mutex_lock(mutex)

class Sleeping(Slow):
    """In a C function that keeps Python's lock, and that a signal ends."""
    def encode_docs(self, texts, language):
        self._encode("document", texts)
        while True:
            ctypes.PyDLL(None).sleep(3600)

class Stubborn(Slow):
    """Takes an interruption for something of its own."""
    def encode_docs(self, texts, language):
        self._encode("document", texts)
        while True:
            try:
                time.sleep(3600)
            except KeyboardInterrupt:
                pass
'''
LANGUAGES, DOCS, QUERIES, SHARD = ("en", "sw"), 600, 40, 100


class Place:
    """A folder with models, a collection in two languages, and all that runs on it leave."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, root / "log"
        (root / "models_of_mine.py").write_text(MODELS)
        for code in LANGUAGES:
            docs, queries = texts_of(code, "doc", DOCS), texts_of(code, "query", QUERIES)
            write_beir(
                root / "questions" / code, docs, queries, {query: [docs[n][0]] for n, (query, _) in enumerate(queries)}
            )

    def start(self, model: str, pause: float, kept: str = "") -> subprocess.Popen[str]:
        """`bench run` in a process of its own; what it leaves lies in folders whose names begin with `kept`."""
        command = [
            sys.executable,
            "-m",
            "bench",
            "run",
            "--model",
            f"python:models_of_mine:{model}",
            "--json",
            "--no-latency",
        ]
        command += ["--task", "path:questions", "--shard-size", str(SHARD)]
        for name in ("cache", "output", "board"):
            command += [f"--{name}", str(self.root / f"{kept}{name}")]
        paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(paths),
            "TOY_LOG": str(self.log),
            "TOY_PAUSE": str(pause),
        }
        return subprocess.Popen(
            command, cwd=self.root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def finish(self, model: str, kept: str = "") -> dict[str, Any]:
        process = self.start(model, 0, kept)
        out, err = process.communicate()
        assert process.returncode == 0, err
        result: dict[str, Any] = json.loads(out)[0]
        return result

    def outcome(self, kept: str = "") -> dict[str, Any]:
        """Run files as bytes, per-query scores as tables."""
        output, board = self.root / f"{kept}output", self.root / f"{kept}board"
        found: dict[str, Any] = {path.name: path.read_bytes() for path in output.rglob("*.trec.gz")}
        tables = [*output.rglob("*.parquet"), *board.rglob("*.parquet")]
        return found | {path.name: parquet.read_table(path).to_pylist() for path in tables}

    def finished(self) -> set[str]:
        """The ids of all texts whose shard is in the store."""
        stored = {path.stem for path in (self.root / "cache" / "vectors").glob("*/*.json")}
        return {text for key, texts in self.shards().items() if key in stored for text in texts}

    def shards(self) -> dict[str, list[str]]:
        """The keys of all shards that there will be, with the ids of their texts."""
        encoder = OwnEncoder(Toy(), "python:models_of_mine:Slow")
        found = {}
        for code in LANGUAGES:
            for side, rows in (("document", texts_of(code, "doc", DOCS)), ("query", texts_of(code, "query", QUERIES))):
                recipe = encoder.recipe(side) | {"language": code}  # type: ignore[arg-type]
                for start in range(0, len(rows), SHARD):
                    texts = [text for _, text in rows[start : start + SHARD]]
                    found[VectorStore(self.root).key(recipe, texts)] = [text_id(text) for text in texts]
        return found


def texts_of(code: str, kind: str, count: int) -> list[tuple[str, str]]:
    return [(f"{kind}{n}", f"{code} {kind} {n} w{n % 17} w{n % 23}") for n in range(count)]


def wait_for_batches(place: Place, process: subprocess.Popen[str], count: int) -> bool:
    """Whether the process came so far before it ended."""
    while process.poll() is None:
        if len(logged(place.log)) >= count:
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)


@contextmanager
def killed_at_last(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_kills_at_random_points_change_nothing_and_lose_at_most_the_shard_in_hand(place: Place) -> None:
    unbroken = place.finish("Slow", "unbroken-")
    assert unbroken["vectors"] == {"encoded": 2 * (DOCS + QUERIES), "reused": 0}
    place.log.unlink()
    rng = np.random.default_rng()
    kills = 0
    while True:
        before = len(logged(place.log))
        finished = place.finished()
        process = place.start("Slow", 0.15)
        with killed_at_last(process):
            if not wait_for_batches(place, process, before + int(rng.integers(2, 6))):
                out, err = process.communicate()
                assert process.returncode == 0, err
                break
            time.sleep(rng.uniform(0, 0.3))
        assert process.returncode in (-signal.SIGKILL, 0)
        kills += 1
        again = {text for _, texts in logged(place.log)[before:] for text in texts}
        assert not again & finished
    assert kills >= 3
    assert not {text for _, texts in logged(place.log)[before:] for text in texts} & finished
    assert [path.name for path in (place.root / "cache" / "work").iterdir()] == [".lock"]
    result = json.loads(out)[0]
    assert result["complete"]
    assert [result["languages"][c]["nDCG@10"] for c in LANGUAGES] == [
        unbroken["languages"][c]["nDCG@10"] for c in LANGUAGES
    ]
    assert set(place.outcome()) >= {"en.trec.gz", "sw.trec.gz", "scores.parquet"}
    assert place.outcome() == place.outcome("unbroken-")
    assert place.finish("Slow")["vectors"] == {"encoded": 0, "reused": 2 * (DOCS + QUERIES)}


def test_ctrl_c_says_what_is_kept_and_the_same_command_goes_on(place: Place) -> None:
    process = place.start("Slow", 0.05)
    with killed_at_last(process):
        # 6 shards of two batches each and the queries make the first language; then a shard of the second.
        assert wait_for_batches(place, process, 16)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    said = (
        "interrupted: finished languages (en) and all finished shards of vectors are kept; run the same command again"
    )
    assert err.count(said) == 1
    assert "Traceback" not in err
    assert [path.name for path in (place.root / "cache" / "work").iterdir()] == [".lock"]
    entry = next((place.root / "board").glob("*/*.json"))
    assert list(json.loads(entry.read_text())["languages"]) == ["en"]
    finished, before = place.finished(), len(logged(place.log))
    result = place.finish("Slow")
    assert result["complete"]
    assert result["vectors"]["reused"] >= DOCS + QUERIES + SHARD
    assert not {text for _, texts in logged(place.log)[before:] for text in texts} & finished


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX threads and signals")
@pytest.mark.parametrize("model", ["Deaf", "Sleeping", "Stubborn"])
def test_ctrl_c_ends_a_model_that_does_not_come_back(model: str, place: Place) -> None:
    process = place.start(model, 0)
    with killed_at_last(process):
        assert wait_for_batches(place, process, 1)
        time.sleep(0.2)  # The model is in its function now.
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.count("interrupted: all finished shards of vectors are kept; run the same command again to go on") == 1


def test_stopping_calls_farewell_once_and_leaves_no_trace() -> None:
    handler, calls = signal.getsignal(signal.SIGINT), list[str]()
    with pytest.raises(KeyboardInterrupt), stopping(lambda: calls.append("farewell")):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    assert calls == ["farewell"]
    with stopping(lambda: calls.append("never")):
        pass
    with pytest.raises(ValueError, match="of the model"), stopping(lambda: calls.append("never")):
        raise ValueError("of the model")
    assert calls == ["farewell"]
    assert signal.getsignal(signal.SIGINT) is handler
    assert signal.set_wakeup_fd(-1) == -1
    assert not [t for t in threading.enumerate() if t.name.startswith("Thread") and "_listen" in t.name]


def test_stopping_works_outside_the_main_thread() -> None:
    done: list[str] = []

    def work() -> None:
        with stopping(lambda: None):
            done.append("inside")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["inside"]
