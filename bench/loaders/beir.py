"""BEIR's layout: `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv`, plain or gzipped, in one folder a subset.

A document has `_id`, `text` and, where it likes, `title`; a query `_id` and `text`. A line of the judgments is query,
document and label with tabs between them, and the first line may be a head. Queries are those that the split judges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import MissingError
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import local, own_folder
from bench.loaders.text import open_text
from bench.loaders.tsv import judgment_line
from bench.places import Places
from bench.task import Task

NAMES = "corpus.jsonl, queries.jsonl and qrels/<split>.tsv"
_CORPUS, _QUERIES = "corpus.jsonl", "queries.jsonl"


@dataclass(frozen=True)
class Beir:
    """The three files of one subset."""

    folder: str
    corpus: Path
    questions: Path
    labels: Path

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        return tuple((f"{self.folder}/{path.name}", path) for path in (self.corpus, self.questions, self.labels))

    def passages(self) -> Iterator[Passage]:
        for number, row in read_objects(self.corpus):
            where = (self.corpus, number)
            yield Passage(
                field(row, "_id", *where), field(row, "title", *where, default=""), field(row, "text", *where)
            )

    def queries(self) -> list[Query]:
        """The queries that the split judges; other splits' questions share the file."""
        judged = self.qrels()
        rows = read_objects(self.questions)
        path = self.questions
        queries = [Query(field(row, "_id", path, n), field(row, "text", path, n)) for n, row in rows]
        return [query for query in queries if query.id in judged]

    def qrels(self) -> Qrels:
        qrels: Qrels = {}
        with open_text(self.labels) as lines:
            for number, line in enumerate(lines, start=1):
                fields = line.rstrip("\r\n").split("\t")
                if not line.strip() or (number == 1 and fields[-1] == "score"):
                    continue
                if len(fields) != 3 or not re.fullmatch(r"[+-]?[0-9]{1,18}", fields[2]):
                    raise MissingError(
                        f"{self.labels}:{number}: expected query, document and a whole number, tab-separated"
                    )
                labels = qrels.setdefault(fields[0], {})
                if fields[1] in labels:
                    raise MissingError(f"{self.labels}:{number}: {fields[1]!r} is judged twice for query {fields[0]!r}")
                labels[fields[1]] = int(fields[2])
        return qrels

    def line_of(self, query: str | None, document: str | None) -> str:
        return judgment_line(self.labels, query, document)


def open_source(task: Task, subset: str, split: str, places: Places) -> Beir:
    """The subset's files: below the folder of a `path:` task, else below `<data>/<task>/<subset>`."""
    folder = own_folder(task, subset, places)
    return Beir(subset, *(_need(folder, part) for part in (_CORPUS, _QUERIES, f"qrels/{split}.tsv")))


def _need(folder: Path, part: str) -> Path:
    found = local(part, folder)
    if found is None:
        raise MissingError(f"{folder}: no {part} or {part}.gz there; BEIR's layout is {NAMES}")
    return found


def has_documents(folder: Path) -> bool:
    """Whether a corpus lies there by its name in this layout."""
    return local(_CORPUS, folder) is not None


def has_queries(folder: Path) -> bool:
    """Whether queries lie there by their name in this layout."""
    return local(_QUERIES, folder) is not None


def splits(folder: Path) -> dict[str, Path]:
    """The judgments by split."""
    found: dict[str, Path] = {}
    for path in sorted((folder / "qrels").glob("*.tsv*")):  # The plain name sorts before the gzipped one.
        match = re.fullmatch(r"(.+)\.tsv(\.gz)?", path.name)
        if match and path.is_file():
            found.setdefault(match[1], path)
    return found


def all_files(folder: Path) -> list[Path]:
    """The files of all splits."""
    return [path for path in (local(_CORPUS, folder), local(_QUERIES, folder), *splits(folder).values()) if path]
