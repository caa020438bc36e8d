"""`bench run` with folders of its own, and what it wrote, read with nothing of this project."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from console import CHECKOUT, Outcome, call

LANGUAGES = ("ar", "en", "sw")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def call_run(*arguments: object, model: str = "bm25", task: str = "mini") -> Outcome:
        folders = [f"--{name}={tmp_path / name}" for name in ("cache", "board", "output")]
        return call(capsys, "run", "--model", model, "--task", task, *folders, *arguments)

    return call_run


def strict(text: str) -> Any:
    """The JSON value that is all of a text; NaN and Infinity are errors."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def written(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".locks" not in p.parts)


def passages(language: str) -> list[dict[str, Any]]:
    path = CHECKOUT / "tasks" / "mini" / f"{language}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def trec(path: Path) -> list[list[str]]:
    return [line.split(" ") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def ranks_of_the_answer(path: Path, language: str) -> list[float]:
    """For every question of `mini` the rank of the one relevant passage in a run, infinity where it is not there."""
    found = {(query, doc): int(rank) for query, _, doc, rank, *_ in trec(path)}
    ids = [(row["id"], i) for row in passages(language) for i in range(1, len(row["questions"]) + 1)]
    return [found.get((f"{doc}-{i}", doc), math.inf) for doc, i in ids]


def small_task(folder: Path) -> Path:
    """Three documents and two questions in BEIR's layout."""
    (folder / "qrels").mkdir(parents=True)
    docs = [{"_id": "d1", "text": "the river"}, {"_id": "d2", "text": "the star"}, {"_id": "d3", "text": "the wolf"}]
    queries = [{"_id": "q1", "text": "river"}, {"_id": "q2", "text": "star"}]
    for name, table in (("corpus", docs), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    return folder
