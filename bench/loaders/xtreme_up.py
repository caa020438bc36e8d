"""XTREME-UP's cross-lingual retrieval: one English pool of passages, and questions that each name their gold passage.

    xtreme-up/[any root/]retrieval_cross_lang/index.jsonl, .../<split>/<language>.jsonl

Questions have no ids of their own, and may share a gold passage: a query's id is `<language>:<n>`, where n counts the
lines that are not blank, from 1. The split `validation` may lie in a folder `dev`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import local
from bench.places import Places
from bench.task import Task

_FOLDER = "retrieval_cross_lang"
_INDEX = "index.jsonl"
_OTHER_NAMES = {"validation": ("dev",)}


@dataclass(frozen=True)
class XtremeUp:
    """One language's questions of a split, and the pool."""

    language: str
    questions: Path
    index: Path

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        top = self.index.parent.parent
        paths = (self.index, self.questions)
        return tuple((f"xtreme-up/{path.relative_to(top)}".removesuffix(".gz"), path) for path in paths)

    def passages(self) -> Iterator[Passage]:
        """The pool; MissingError with the number of repeated ids at its end. Holds the ids, some 112,000."""
        seen: set[str] = set()
        repeats: list[tuple[int, str]] = []
        for number, row in read_objects(self.index):
            where = (self.index, number)
            identifier = field(row, "id", *where)
            if identifier in seen:
                repeats.append((number, identifier))
            seen.add(identifier)
            yield Passage(identifier, field(row, "title", *where), field(row, "context", *where))
        if repeats:
            number, identifier = repeats[0]
            raise MissingError(
                f"{self.index}:{number}: {len(repeats)} passages have an id that another has before them, the first "
                f"{identifier!r}; version 1.0 of the archive had such repeats: get version 1.1"
            )

    def queries(self) -> list[Query]:
        return [query for query, _ in self._rows()]

    def qrels(self) -> Qrels:
        return {query.id: {gold: 1} for query, gold in self._rows()}

    def _rows(self) -> Iterator[tuple[Query, str]]:
        """Every question with the id of its gold passage."""
        for count, (number, row) in enumerate(read_objects(self.questions), start=1):
            where = (self.questions, number)
            yield Query(f"{self.language}:{count}", field(row, "question", *where)), field(row, "id", *where)


def open_source(task: Task, subset: str, split: str, places: Places) -> XtremeUp:
    """The subset's questions and the pool, below `<data>/xtreme-up` or one folder further down."""
    code = task.languages[subset].source_code or subset
    folder = _folder(task, subset, places)
    index = local(_INDEX, folder)
    for name in (split, *_OTHER_NAMES.get(split, ())):
        questions = local(f"{name}/{code}.jsonl", folder)
        if questions and index:
            return XtremeUp(code, questions, index)
    missing = f"{split}/{code}.jsonl" if index else _INDEX
    raise MissingError(f"{task.name}, {subset}: no {missing} or {missing}.gz in {folder}")


def _folder(task: Task, subset: str, places: Places) -> Path:
    how = f"unpack {task.source.url} below <data>/{task.name} and give <data> with --data"
    if places.data is None:
        raise MissingError(f"{task.name}, {subset}: no --data folder was given: {how}")
    top = places.data / task.name
    found = [path for path in (top / _FOLDER, *sorted(top.glob(f"*/{_FOLDER}"))) if path.is_dir()]
    if not found:
        raise MissingError(f"{task.name}, {subset}: no {_FOLDER} in {top} or a folder there: {how}")
    if len(found) > 1:
        raise InputError(f"{task.name}: {' and '.join(map(str, found))}: leave one of them")
    return found[0]
