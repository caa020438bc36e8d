"""BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`, plain or gzipped, in one folder a subset.

`path:DIR` makes a task of such a folder, or of one whose subfolders are such folders, named by their language.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import MissingError
from bench.files import digest, open_text
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import local
from bench.places import Places
from bench.task import Licences, Source, Subset, Task

_UNKNOWN_LANGUAGE = "und"


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
                if len(fields) != 3 or not re.fullmatch(r"[+-]?\d+", fields[2]):
                    raise MissingError(
                        f"{self.labels}:{number}: expected query, document and a whole number, tab-separated"
                    )
                labels = qrels.setdefault(fields[0], {})
                if fields[1] in labels:
                    raise MissingError(f"{self.labels}:{number}: {fields[1]!r} is judged twice for query {fields[0]!r}")
                labels[fields[1]] = int(fields[2])
        return qrels


def open_source(task: Task, subset: str, split: str, places: Places) -> Beir:
    """The subset's files: below the folder of a `path:` task, else below `<data>/<task>/<subset>`."""
    own = task.source.url
    name = subset if len(task.languages) > 1 or not own else ""
    folder = Path(own) / name if own else (places.data or Path()) / task.name / subset
    if not own and places.data is None:
        raise MissingError(f"{task.name}, {subset}: its files lie under --data, and no --data folder was given")
    return Beir(subset, *(_need(folder, part) for part in ("corpus.jsonl", "queries.jsonl", f"qrels/{split}.tsv")))


def _need(folder: Path, part: str) -> Path:
    found = local(part, folder)
    if found is None:
        raise MissingError(f"{folder}: no {part} or {part}.gz there")
    return found


def folder_task(folder: Path) -> Task:
    """The task that a folder in BEIR's layout is; its revision is the digest of its files' lines, in any order."""
    if not folder.is_dir():
        raise MissingError(f"path:{folder}: no such folder")
    rows = (
        [p for p in sorted(folder.iterdir()) if local("corpus.jsonl", p)] if not local("corpus.jsonl", folder) else []
    )
    if not rows and not local("corpus.jsonl", folder):
        raise MissingError(f"path:{folder}: no corpus.jsonl there or in its subfolders (BEIR's layout)")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and re.search(r"\.(jsonl|tsv)(\.gz)?$", p.name))
    splits = sorted({re.sub(r"\.tsv(\.gz)?$", "", p.name) for p in files if p.parent.name == "qrels"})
    if not splits:
        raise MissingError(f"path:{folder}: no qrels/<split>.tsv there")
    stem = re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower())
    return Task(
        name=f"path:{stem}",
        title=folder.resolve().name,
        description="A folder of the user's own, in BEIR's layout.",
        authors="unknown",
        loader="beir",
        source=Source(
            name=stem,
            revision=digest([[str(p.relative_to(folder)).removesuffix(".gz"), _sum_of_lines(p)] for p in files]),
            url=str(folder),
        ),
        split="test" if "test" in splits else splits[0],
        splits=tuple(splits),
        document_text="title and text",
        measures=("nDCG@10", "R@100"),
        licences=Licences(texts="unknown", labels="unknown"),
        texts_may_be_shown=True,
        languages={row.name: Subset() for row in rows} or {_UNKNOWN_LANGUAGE: Subset()},
    )


def _sum_of_lines(path: Path) -> str:
    """The same for a file plain or gzipped and with its lines in another order: the rows are what is measured on."""
    with open_text(path) as lines:
        hashes = (hashlib.sha256(row.encode()).digest() for line in lines if (row := line.strip()))
        total = sum(int.from_bytes(value, "big") for value in hashes)
    return f"{total % (1 << 256):064x}"
