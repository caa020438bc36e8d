"""MIRACL's files: `miracl/v1.0/<l>/docs/docs-<i>.jsonl.gz`, `<split>/topics.tsv` and `<split>/qrels.tsv`.

The names are those of ir_datasets' home, where Yoruba's only shard is docs-1. Under --data every shard that lies there
is read, in the order of its number; whether all are there is a matter of the card's pins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import MissingError
from bench.loaders.irds import locate
from bench.loaders.jsonl import field, read_objects
from bench.loaders.tsv import read_judgments, read_topics
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


def open_source(task: Task, subset: str, split: str, places: Places) -> Miracl:
    """The subset's files under --data, in ir_datasets' home, or downloaded there."""
    where = f"{task.name}, {subset}"
    folder = f"miracl/v1.0/{subset}"

    def named(part: str) -> Named:
        name = f"{folder}/{split}/{part}.tsv"
        return name, locate(where, name, places)

    topics = named("topics")
    labels = None if split in _UNLABELLED else named("qrels")
    count = task.languages[subset].shards
    return Miracl(_shards(where, f"{folder}/docs", count, places), topics, labels)


def _shards(where: str, folder: str, count: int | None, places: Places) -> tuple[Named, ...]:
    found = _lying(places.data / folder) if places.data else ()
    if not found and count is None:
        raise MissingError(f"{where}: no {folder}/docs-<i>.jsonl or .gz under {places.data}")
    if found:
        return tuple((f"{folder}/{path.name}", path) for path in found)
    first = 1 if folder == "miracl/v1.0/yo/docs" else 0
    names = [f"{folder}/docs-{i}.jsonl.gz" for i in range(first, first + (count or 0))]
    return tuple((name, locate(where, name, places)) for name in names)


def _lying(folder: Path) -> tuple[Path, ...]:
    """The shards in a folder in the order of their numbers; of one that is there plain and gzipped, the plain one."""
    found: dict[int, Path] = {}
    for path in sorted(folder.glob("docs-*")):  # The plain name sorts before the gzipped one.
        match = _SHARD.fullmatch(path.name)
        if match and path.is_file():
            found.setdefault(int(match[1]), path)
    return tuple(found[number] for number in sorted(found))
