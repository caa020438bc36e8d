"""MIRACL's files: `miracl/v1.0/<l>/docs/docs-<i>.jsonl.gz`, `<split>/topics.tsv` and `<split>/qrels.tsv`.

The names are those of ir_datasets' home, where Yoruba's only shard is docs-1. Under --data every shard that lies there
is read, in the order of its number; whether all are there is a matter of the card's pins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import MissingError
from bench.loaders.irds import locate
from bench.loaders.irds import origin as irds_origin
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import pinned
from bench.loaders.tsv import judgment_line, read_judgments, read_topics
from bench.needed import Needed
from bench.places import Places
from bench.task import Task

_SHARD = re.compile(r"docs-(\d+)\.jsonl(\.gz)?")
_LABELS = frozenset({0, 1})
_UNLABELLED = ("test-a", "test-b")
"""The splits whose judgments are kept back for MIRACL's own leaderboard."""

Named = tuple[str, Path]


@dataclass(frozen=True)
class Miracl:
    """The files of one language and split, by their names; `labels` is None where there are no public ones."""

    documents: tuple[Named, ...]
    topics: Named
    labels: Named | None

    @property
    def files(self) -> tuple[Named, ...]:
        return (*self.documents, self.topics, *([self.labels] if self.labels else []))

    @property
    def shards(self) -> int:
        return len(self.documents)

    def passages(self) -> Iterator[Passage]:
        for _, path in self.documents:
            for number, row in read_objects(path):
                yield Passage(
                    field(row, "docid", path, number),
                    field(row, "title", path, number, default=""),
                    field(row, "text", path, number),
                )

    def queries(self) -> list[Query]:
        return read_topics(self.topics[1])

    def qrels(self) -> Qrels | None:
        return read_judgments(self.labels[1], _LABELS) if self.labels else None

    def line_of(self, query: str | None, document: str | None) -> str:
        return judgment_line((self.labels or self.topics)[1], query, document)


def open_source(task: Task, subset: str, split: str, places: Places) -> Miracl:
    """The subset's files under --data, in ir_datasets' home, or downloaded there."""
    where, shelf = f"{task.name}, {subset}", places.shelf(task.name, task.source.revision)

    def located(names: Sequence[str]) -> tuple[Named, ...]:
        return tuple((name, locate(where, name, places, shelf)) for name in names)

    topics, *labels = located(_tables(subset, split))
    folder = f"{_folder(subset)}/docs"
    found = _lying(places.data / folder) if places.data else ()
    if not found and task.languages[subset].shards is None:
        raise MissingError(f"{where}: no {folder}/docs-<i>.jsonl or .gz under {places.data}")
    documents = tuple((f"{folder}/{path.name}", path) for path in found) or located(_shards(task, subset))
    return Miracl(documents, topics, labels[0] if labels else None)


def needed(task: Task, subset: str, split: str) -> list[Needed]:
    """The subset's files as ir_datasets downloads them; its sizes of small files, and of Yoruba's corpus, are wrong."""
    tables, shards = _tables(subset, split), _shards(task, subset)
    unsized = {*tables, *(shards if subset == "yo" else ())}
    files = []
    for name in (*tables, *shards):
        origin, pin = irds_origin("miracl", name.removeprefix("miracl/")), pinned(task, subset, name)
        if origin:
            origin = origin._replace(checksum=pin or origin.checksum, size=None if name in unsized else origin.size)
        files.append(Needed(name, origin, checksum=pin or (origin.checksum if origin else None)))
    return files


def _folder(subset: str) -> str:
    return f"miracl/v1.0/{subset}"


def _tables(subset: str, split: str) -> list[str]:
    """The names of the topics and, where there are public ones, of the judgments."""
    parts = ("topics",) if split in _UNLABELLED else ("topics", "qrels")
    return [f"{_folder(subset)}/{split}/{part}.tsv" for part in parts]


def _shards(task: Task, subset: str) -> list[str]:
    """The names of the corpus' files, as many as the card says."""
    first = 1 if subset == "yo" else 0
    return [f"{_folder(subset)}/docs/docs-{first + i}.jsonl.gz" for i in range(task.languages[subset].shards or 0)]


def _lying(folder: Path) -> tuple[Path, ...]:
    """The shards in a folder in the order of their numbers; of one that is there plain and gzipped, the plain one."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("docs-*")):  # The plain name sorts before the gzipped one.
        match = _SHARD.fullmatch(path.name)
        if match and path.is_file():
            found.setdefault(int(match[1]), path)
    return tuple(found[number] for number in sorted(found))
