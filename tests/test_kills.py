"""Kills at random moments of every phase of a run: the resumed run gives the same bytes and does nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from toy import Toy, logged, text_id, write_beir

from bench.adapters.own import OwnEncoder
from bench.files import file_sha256
from bench.store import VectorStore

PHASES = ("encode_documents", "encode_queries", "search", "score")
KILLS, DOCS, QUERIES, SHARD, PAUSE = 20, 200, 110, 50, 0.003


def texts_of(kind: str, count: int) -> list[tuple[str, str]]:
    return [(f"{kind}{n}", f"{kind} {n} w{n % 17} w{n % 23}") for n in range(count)]


class Warm:
    """A warm process that forks one for every run."""

    def __init__(self, root: Path) -> None:
        docs, queries = texts_of("doc", DOCS), texts_of("query", QUERIES)
        write_beir(root / "questions", docs, queries, {name: [docs[n][0]] for n, (name, _) in enumerate(queries)})
        paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        self._root, self._number = root, 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forked.py"))],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.keys = self._shards()

    def place(self) -> Path:
        """A folder for one store."""
        self._number += 1
        place = self._root / str(self._number)
        place.mkdir()
        return place

    def run(self, place: Path, phase: str | None = None, delay: float = 0.0) -> dict[str, Any]:
        """One run; how it ended, and when it came to which phase."""
        assert self._process.stdin and self._process.stdout
        order = {"root": str(place), "phase": phase, "delay": delay, "pause": PAUSE}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def finished(self, place: Path) -> set[str]:
        """The texts whose shard is in the store; every such shard is whole."""
        found = set[str]()
        for path in (place / "cache" / "vectors").glob("*/*.json"):
            if not path.name.startswith("."):
                assert file_sha256(path.with_suffix(".npy")) == json.loads(path.read_text())["sha256"]
                found |= set(self.keys[path.stem])
        return found

    def _shards(self) -> dict[str, list[str]]:
        encoder = OwnEncoder(Toy(), "python:toy:Toy")
        found = {}
        for side, rows in (("document", texts_of("doc", DOCS)), ("query", texts_of("query", QUERIES))):
            recipe = encoder.recipe(side) | {"language": "und"}  # type: ignore[arg-type]
            for start in range(0, len(rows), SHARD):
                texts = [text for _, text in rows[start : start + SHARD]]
                found[VectorStore(self._root).key(recipe, texts)] = [text_id(text) for text in texts]
        return found


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    warm = Warm(tmp_path_factory.mktemp("kills"))
    yield warm
    warm.close()


def outcome(place: Path) -> dict[str, Any]:
    """Runs as bytes, scores as tables, numbers of the entries."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in place.glob("output/**/*.trec.gz")}
    for path in (*place.glob("output/**/*.parquet"), *place.glob("board/**/*.parquet")):
        found[str(path.relative_to(place))] = parquet.read_table(path).to_pylist()
    for path in (*place.glob("output/**/entry.json"), *place.glob("board/**/*.json")):
        languages = json.loads(path.read_text())["languages"]
        found[str(path.relative_to(place))] = {
            c: {k: v for k, v in b.items() if k != "recipe"} for c, b in languages.items()
        }
    return found


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("phase", PHASES)
def test_kills_in_a_phase_change_nothing_and_no_finished_shard_is_made_twice(phase: str, warm: Warm) -> None:
    unbroken = warm.place()
    answers = [warm.run(unbroken)]
    assert answers[0]["status"] == 0
    expected = outcome(unbroken)
    assert {name.rpartition(".")[2] for name in expected} == {"gz", "parquet", "json"}
    everything = {text for texts in warm.keys.values() for text in texts}
    assert warm.finished(unbroken) == everything
    times = {name: float(at) for name, at in answers[0]["phases"].items()}
    following = next((times[name] for name in times if times[name] > times[phase]), times["end"])
    lasts = (times["end"] if phase == "score" else following) - times[phase]
    rng, killed, partial = np.random.default_rng(), 0, 0
    for _ in range(4 * KILLS):
        place = warm.place()
        answer = warm.run(place, phase, rng.uniform(0, lasts))
        if answer["status"] == 0 or list(answer["phases"])[-1] != phase:
            assert answer["status"] in (0, -signal.SIGALRM)
            continue  # It was faster than the unbroken run, and through with the phase.
        assert answer["status"] == -signal.SIGALRM
        killed += 1
        finished, before = warm.finished(place), len(logged(place / "log"))
        partial += 0 < len(finished) < len(everything)
        assert warm.run(place)["status"] == 0
        again = {text for _, texts in logged(place / "log")[before:] for text in texts}
        assert not again & finished
        assert outcome(place) == expected
        assert warm.finished(place) == everything
        assert not list((place / "cache" / "vectors").rglob("*.part"))
        assert [path.name for path in (place / "cache" / "work").iterdir()] == [".lock"]
        if killed == KILLS:
            break
    assert killed == KILLS
    assert partial or phase in ("search", "score")
