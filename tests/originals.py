"""Small files in the benchmarks' original layouts, and a network that refuses."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.collection import Query
from bench.ranking import Ranking, Run


def block_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def write(path: Path, text: str) -> Path:
    """A text file, gzipped where its name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def write_lines(path: Path, objects: Iterable[Mapping[str, str]]) -> Path:
    return write(path, "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in objects))


def write_rows(path: Path, rows: Iterable[Iterable[object]]) -> Path:
    return write(path, "".join("\t".join(map(str, row)) + "\n" for row in rows))


def gunzip(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(source) as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return target


def write_miracl(data: Path, language: str, shard: int = 0) -> None:
    """Three passages, two of one text; a query whose id is that of its relevant passage; a negative judgment."""
    folder = data / "miracl/v1.0" / language
    passages = [("10#10", "Ibadan", "ilu nla kan"), ("7#0", "Eko", "eti okun"), ("10#2", "Ibadan", "ilu nla kan")]
    write_lines(folder / f"docs/docs-{shard}.jsonl.gz", [{"docid": i, "title": t, "text": b} for i, t, b in passages])
    write_rows(folder / "dev/topics.tsv", [("7#0", "Eko okun"), ("55", "Ibadan nla")])
    write_rows(folder / "dev/qrels.tsv", [("7#0", "Q0", "7#0", 1), ("55", "Q0", "10#10", 1), ("55", "Q0", "10#2", 0)])


class Known:
    """A retriever that returns given documents, best first."""

    fingerprint: str | None = "known 1"

    def __init__(self, answers: Mapping[str, Iterable[str]]) -> None:
        self.answers = {query: list(docs) for query, docs in answers.items()}

    def index(self, corpus: Any, workdir: Path) -> None:
        for _ in corpus.docs():
            pass

    def search(self, queries: Iterable[Query], k: int) -> Run:
        found = {query.id: self.answers[query.id][:k] for query in queries}
        return {q: Ranking(docs, np.arange(len(docs), 0, -1, dtype=np.float32)) for q, docs in found.items()}
