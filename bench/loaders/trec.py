"""TREC's layout, in one folder a subset; every file plain or gzipped.

- documents: `docs.jsonl`, else `corpus.jsonl`, else all of `collection/*.jsonl` in the order of their names. A line is
  an object with an id (`id`, `docid`, `_id` or `docno`), a text (`text`, `contents` or `body`) and, where it likes, a
  `title`; of several such keys the first in this order counts.
- topics: `topics.<split>.tsv`, `queries.<split>.tsv`, `topics.tsv` or `queries.tsv`, the first that is there: id, tab,
  query.
- judgments: `qrels.<split>.txt` or `qrels.<split>.tsv`; `qrels.txt` or `qrels.tsv` are those of the split `test`. Four
  columns: query, iteration, document, label.

Queries are those that the split judges, so all splits may share one file of topics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.collection import Passage, Qrels, Query
from bench.errors import MissingError
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import local, own_folder
from bench.loaders.tsv import judgment_line, read_judgments, read_topics
from bench.places import Places
from bench.task import Task

DOCUMENTS = "docs.jsonl, corpus.jsonl or collection/*.jsonl"
TOPICS = "topics.<split>.tsv, queries.<split>.tsv, topics.tsv or queries.tsv"
JUDGMENTS = "qrels.<split>.txt, qrels.<split>.tsv, qrels.txt or qrels.tsv"
_DEFAULT = "test"
_IDS, _TEXTS = ("id", "docid", "_id", "docno"), ("text", "contents", "body")


@dataclass(frozen=True)
class Trec:
    """The files of one subset and split."""

    folder: str
    documents: tuple[Path, ...]
    topics: Path
    labels: Path

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        return tuple((f"{self.folder}/{path.name}", path) for path in (*self.documents, self.topics, self.labels))

    @property
    def shards(self) -> int:
        return len(self.documents)

    def passages(self) -> Iterator[Passage]:
        for path in self.documents:
            for number, row in read_objects(path):
                yield Passage(
                    field(row, _key(row, _IDS, path, number), path, number),
                    field(row, "title", path, number, default=""),
                    field(row, _key(row, _TEXTS, path, number), path, number),
                )

    def queries(self) -> list[Query]:
        """The queries that the split judges."""
        judged = self.qrels()
        return [query for query in read_topics(self.topics) if query.id in judged]

    def qrels(self) -> Qrels:
        return read_judgments(self.labels)

    def line_of(self, query: str | None, document: str | None) -> str:
        return judgment_line(self.labels, query, document)


def _key(row: dict[str, Any], names: tuple[str, ...], path: Path, number: int) -> str:
    found = next((name for name in names if name in row), None)
    if found is None:
        keys = ", ".join(json.dumps(key) for key in list(row)[:6]) or "none"
        raise MissingError(f"{path}:{number}: expected one of the keys {', '.join(names)}, found {keys}")
    return found


def open_source(task: Task, subset: str, split: str, places: Places) -> Trec:
    """The subset's files: below the folder of a `path:` task, else below `<data>/<task>/<subset>`."""
    folder = own_folder(task, subset, places)
    documents, topics, labels = documents_of(folder), topics_of(folder, split), splits(folder).get(split)
    if not documents:
        raise MissingError(f"{folder}: no documents there: {DOCUMENTS}, plain or .gz")
    if topics is None:
        raise MissingError(f"{folder}: no topics of the split {split!r} there: {TOPICS}, plain or .gz")
    if labels is None:
        raise MissingError(f"{folder}: no judgments of the split {split!r} there: {JUDGMENTS}, plain or .gz")
    return Trec(subset, documents, topics, labels)


def documents_of(folder: Path) -> tuple[Path, ...]:
    """The files of the corpus, in the order in which they are read."""
    whole = local("docs.jsonl", folder) or local("corpus.jsonl", folder)
    if whole:
        return (whole,)
    parts: dict[str, Path] = {}
    for path in sorted((folder / "collection").glob("*.jsonl*")):  # The plain name sorts before the gzipped one.
        if path.is_file() and path.name.removesuffix(".gz").endswith(".jsonl"):
            parts.setdefault(path.name.removesuffix(".gz"), path)
    return tuple(parts.values())


def topics_of(folder: Path, split: str) -> Path | None:
    """The file with the topics of a split."""
    names = (f"topics.{split}.tsv", f"queries.{split}.tsv", "topics.tsv", "queries.tsv")
    return next((path for name in names if (path := local(name, folder))), None)


def splits(folder: Path) -> dict[str, Path]:
    """The judgments by split; one that is named for its split goes before `qrels.txt`, and `.txt` before `.tsv`."""
    found: dict[str, Path] = {}
    for kind in ("txt", "tsv"):
        for path in sorted(folder.glob(f"qrels.*.{kind}*")):
            match = re.fullmatch(rf"qrels\.(.+)\.{kind}(\.gz)?", path.name)
            if match and path.is_file():
                found.setdefault(match[1], path)
    whole = local("qrels.txt", folder) or local("qrels.tsv", folder)
    if whole:
        found.setdefault(_DEFAULT, whole)
    return found


def all_files(folder: Path) -> list[Path]:
    """The files of all splits."""
    judged = splits(folder)
    topics = dict.fromkeys(path for split in judged if (path := topics_of(folder, split)))
    return [*documents_of(folder), *topics, *judged.values()]
