"""Shares of the vector store: parts that several machines encode are the very shards of a run, which finds them all."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from console import call
from toy import logged, text_id, write_beir

from bench.cli import _code
from bench.errors import InputError, StoppedError
from bench.locks import refuse_without_locks
from bench.share import Share

MODELS = """
import os
from pathlib import Path
from toy import Toy

class Slow(Toy):
    def __init__(self):
        super().__init__(Path(os.environ["TOY_LOG"]), float(os.environ["TOY_PAUSE"]))

def forgetful(texts):
    raise AssertionError("never asked")
"""
DOCS, QUERIES, SHARD = {"en": 730, "sw": 250}, 40, 100
# Shards of 100 texts: 8 and 3 of documents, one of questions each.
SHARDS = {"en": 9, "sw": 4}


class Place:
    """A folder with a model and a collection in two languages, and what runs on it leave."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "models_of_mine.py").write_text(MODELS)
        for code, count in DOCS.items():
            docs, queries = texts_of(code, "doc", count), texts_of(code, "query", QUERIES)
            relevant = {query: [docs[n][0]] for n, (query, _) in enumerate(queries)}
            write_beir(root / "questions" / code, docs, queries, relevant)

    def start(self, *arguments: str, log: str = "log", pause: float = 0.0) -> subprocess.Popen[str]:
        """A verb in a process of its own, on the toy model; `arguments` begin with the verb."""
        paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        environment = os.environ | self._environment(log, pause) | {"PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-m", "bench", *self._arguments(*arguments)]
        return subprocess.Popen(
            command, cwd=self.root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def finish(self, *arguments: str, log: str = "log") -> Any:
        """The same in this process; what it prints as JSON."""
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
            patch.chdir(self.root)
            for name, value in self._environment(log, 0.0).items():
                patch.setenv(name, value)
            assert _code(self._arguments(*arguments)) == 0
        return json.loads(out.getvalue())

    def _arguments(self, verb: str, *rest: str) -> list[str]:
        task = ["--task", "path:questions", "--shard-size", str(SHARD), "--json"]
        return [verb, "--model", "python:models_of_mine:Slow", *task, *rest]

    def _environment(self, log: str, pause: float) -> dict[str, str]:
        return {"TOY_LOG": str(self.root / log), "TOY_PAUSE": str(pause)}

    def run(self, kept: str, cache: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        """A run's result and the bytes of its run files."""
        (result,) = self.finish("run", "--no-board", "--output", f"{kept}-output", "--cache", cache, log=f"{kept}-log")
        files = sorted((self.root / f"{kept}-output").rglob("*.trec.gz"))
        return result, {path.name: path.read_bytes() for path in files}

    def encoded(self, log: str) -> set[str]:
        """The ids of the texts that were encoded, without the example of every shard."""
        return {text for _, texts in logged(self.root / log) for text in texts}


def texts_of(code: str, kind: str, count: int) -> list[tuple[str, str]]:
    return [(f"{kind}{n}", f"{code} {kind} {n} w{n % 17} w{n % 23}") for n in range(count)]


def all_texts() -> set[str]:
    rows = [row for code, n in DOCS.items() for row in (*texts_of(code, "doc", n), *texts_of(code, "query", QUERIES))]
    return {text_id(text) for _, text in rows}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_three_parts_in_three_processes_are_all_that_a_run_needs(place: Place) -> None:
    alone, expected = place.run("alone", "alone-cache")
    total = sum(DOCS.values()) + 2 * QUERIES
    assert alone["vectors"] == {"encoded": total, "reused": 0}
    processes = [place.start("encode", "--part", f"{i}/3", "--cache", "cache", log=f"log{i}") for i in (1, 2, 3)]
    done = []
    for process in processes:  # They ran at the same time, on one folder.
        out, err = process.communicate()
        assert process.returncode == 0, err
        done.append(json.loads(out))
    shares = [place.encoded(f"log{i}") for i in (1, 2, 3)]
    assert set.union(*shares) == all_texts()
    assert sum(map(len, shares)) == total, "no text was encoded twice"
    assert [part["part"] for part in done] == ["1/3", "2/3", "3/3"]
    assert [part["languages"]["en"]["mine"] for part in done] == [3, 3, 3]
    # The second language begins with the second part: 4 shards fall to parts 2, 3, 1, 2.
    assert [part["languages"]["sw"]["mine"] for part in done] == [1, 2, 1]
    assert {part["languages"][code]["shards"] for part in done for code in ("en",)} == {SHARDS["en"]}
    assert sum(part["vectors"]["encoded"] for part in done) == total
    result, files = place.run("after", "cache")
    assert result["vectors"] == {"encoded": 0, "reused": total}
    assert place.encoded("after-log") == set()
    assert files == expected
    assert set(files) == {"en.trec.gz", "sw.trec.gz"}
    store, own = (
        {p.name: p.read_bytes() for p in (place.root / c / "vectors").glob("*/*.npy")} for c in ("cache", "alone-cache")
    )
    assert store == own


def test_the_run_encodes_a_part_that_is_missing(place: Place) -> None:
    for i in (1, 3):
        place.finish("encode", "--part", f"{i}/3", "--cache", "cache", log=f"log{i}")
    result, files = place.run("after", "cache")
    missing = all_texts() - place.encoded("log1") - place.encoded("log3")
    # Shards 1, 4 and 7 of the first language, 0 and 3 (its questions) of the second, which begins with part 2.
    assert len(missing) == 100 + 100 + 30 + 100 + QUERIES
    assert place.encoded("after-log") == missing
    assert result["vectors"]["encoded"] == len(missing)
    assert files == place.run("alone", "alone-cache")[1]


def test_a_part_that_was_interrupted_goes_on(place: Place) -> None:
    process = place.start("encode", "--part", "1/2", "--cache", "cache", pause=0.1)
    try:
        while len(logged(place.root / "log")) < 4:  # Two batches a shard: one shard is stored, at least.
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert err.count("bench: interrupted: all finished shards are kept; run the same command again to go on") == 1
    assert "Traceback" not in err
    stored = [json.loads(path.read_text())["rows"] for path in (place.root / "cache" / "vectors").glob("*/*.json")]
    assert stored
    again = place.finish("encode", "--part", "1/2", "--cache", "cache", log="again")
    assert again["vectors"]["reused"] == sum(stored)
    assert again["vectors"]["encoded"] == len(place.encoded("again"))
    done = place.finish("encode", "--part", "1/2", "--cache", "cache", log="done")
    assert (done["vectors"]["encoded"], done["vectors"]["reused"]) == (
        0,
        sum(again["vectors"][k] for k in ("encoded", "reused")),
    )
    assert place.encoded("done") == set()


def test_a_shard_in_another_process_hands_is_left_to_it(place: Place) -> None:
    slow = place.start("encode", "--part", "1/1", "--lang", "sw", "--cache", "cache", log="slow", pause=0.3)
    try:
        while not logged(place.root / "slow"):
            assert slow.poll() is None
            time.sleep(0.01)
        quick = place.finish("encode", "--part", "1/1", "--lang", "sw", "--cache", "cache", log="quick")
        out, _ = slow.communicate(timeout=60)
    finally:
        slow.kill()
    assert quick["languages"]["sw"]["left"] >= 1
    assert any("left to it" in text for text in quick["notes"])
    both = quick["vectors"]["encoded"] + json.loads(out)["vectors"]["encoded"]
    assert both == DOCS["sw"] + QUERIES, "every text was encoded once"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5/4", "--part 5/4: there is no such part: the parts are 1/4 to 4/4"),
        ("0/4", "--part 0/4: there is no such part: the parts are 1/4 to 4/4"),
        ("1/0", "--part 1/0: there is no such part: there must be a part"),
        ("3", "--part 3: expected i/n, such as 1/3 for the first of three parts"),
        ("-1/3", "--part -1/3: expected i/n, such as 1/3 for the first of three parts"),
        ("1/3/3", "--part 1/3/3: expected i/n, such as 1/3 for the first of three parts"),
    ],
)
def test_a_part_that_is_none_is_refused(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "encode", "--model", "bm25", "--task", "mini", f"--part={text}")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"bench: {message}\n")


def test_parts_are_disjoint_complete_and_even() -> None:
    for of in (1, 2, 3, 7):
        owners = [[share for share in range(1, of + 1) if Share(share, of).has(n)] for n in range(50)]
        assert all(len(owner) == 1 for owner in owners)
        counts = [sum(owner == [share] for owner in owners) for share in range(1, of + 1)]
        assert max(counts) - min(counts) <= 1
        for first in (0, 1, 5):
            assert sum(Share(i, of).texts(4321, 100, first) for i in range(1, of + 1)) == 4321
    with pytest.raises(InputError, match="there is no such part"):
        Share.parse("4/3")


def test_what_keeps_no_vectors_has_nothing_to_encode(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outcome = call(capsys, "encode", "--model", "bm25", "--task", "mini", "--part", "1/2", "--cache", tmp_path)
    assert (outcome.code, outcome.err) == (2, "bench: bm25: keeps no vectors: there is nothing to encode beforehand\n")


def test_a_model_without_a_fingerprint_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models_without_a_name.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    model = "python:models_without_a_name:forgetful"
    outcome = call(capsys, "encode", "--model", model, "--task", "mini", "--part", "1/2", "--cache", tmp_path)
    assert outcome.code == 2
    assert "does not say what its weights are" in outcome.err
    assert "vectors are kept for one run alone" in outcome.err


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS])
def test_a_folder_without_locks_is_refused(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_without_locks(tmp_path / "vectors")

    def flock(handle: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoppedError, match=r"keeps no locks .*: machines that share it would disturb one another"):
        refuse_without_locks(tmp_path / "vectors")
