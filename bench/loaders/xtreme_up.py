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
from bench.fetch import fetch
from bench.loaders.jsonl import field, read_objects
from bench.loaders.local import local
from bench.needed import Needed, Origin
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

    def line_of(self, query: str | None, document: str | None) -> str:
        for number, row in read_objects(self.questions):
            if str(row.get("id")) == document:
                return f"{self.questions}:{number}"
        return str(self.questions)

    def _rows(self) -> Iterator[tuple[Query, str]]:
        """Every question with the id of its gold passage."""
        for count, (number, row) in enumerate(read_objects(self.questions), start=1):
            where = (self.questions, number)
            yield Query(f"{self.language}:{count}", field(row, "question", *where)), field(row, "id", *where)


def needed(task: Task, subset: str, split: str) -> list[Needed]:
    """The pool and the subset's questions, out of the one archive; its root folder is dropped."""
    code, origin = task.languages[subset].source_code or subset, _origin(task)
    files = []
    for name, *others in ([_INDEX], [f"{folder}/{code}.jsonl" for folder in (split, *_OTHER_NAMES.get(split, ()))]):
        names = [f"{_FOLDER}/{part}" for part in (name, *others)]
        patterns = [
            f"{task.name}/{root}{part}{ending}" for part in names for root in ("", "*/") for ending in ("", ".gz")
        ]
        files.append(
            Needed(f"{task.name}/{names[0]}", origin, tuple(f"*/{part}" for part in names), None, tuple(patterns))
        )
    return files


def _origin(task: Task) -> Origin | None:
    return Origin(task.source.url) if task.source.url else None


def open_source(task: Task, subset: str, split: str, places: Places) -> XtremeUp:
    """The subset's questions and the pool, below `<data>/xtreme-up` or one folder further down, else fetched."""
    code = task.languages[subset].source_code or subset
    folder = _folder(task, subset, split, places)
    index = local(_INDEX, folder)
    for name in (split, *_OTHER_NAMES.get(split, ())):
        questions = local(f"{name}/{code}.jsonl", folder)
        if questions and index:
            return XtremeUp(code, questions, index)
    missing = f"{split}/{code}.jsonl" if index else _INDEX
    raise MissingError(f"{task.name}, {subset}: no {missing} or {missing}.gz in {folder}")


def _folder(task: Task, subset: str, split: str, places: Places) -> Path:
    shelf = places.shelf(task.name, task.source.revision)
    found = _lying(task, places.data) or _lying(task, shelf)
    if not found and places.offline:
        looked = (
            f"no {_FOLDER} in {places.data / task.name} or a folder there"
            if places.data
            else "no --data folder was given"
        )
        how = f"unpack {task.source.url} below <data>/{task.name} and give <data> with --data"
        raise MissingError(f"{task.name}, {subset}: {looked}: {how}")
    if not found:
        everything = [file for s in task.all_splits for code in task.languages for file in needed(task, code, s)]
        fetch(needed(task, subset, split), shelf, others=everything)
        found = _lying(task, shelf)
    if len(found) > 1:
        raise InputError(f"{task.name}: {' and '.join(map(str, found))}: leave one of them")
    return found[0]


def _lying(task: Task, folder: Path | None) -> list[Path]:
    """The folders of the task's files, of which there should be one."""
    top = folder / task.name if folder else None
    return [path for path in (top / _FOLDER, *sorted(top.glob(f"*/{_FOLDER}"))) if path.is_dir()] if top else []
