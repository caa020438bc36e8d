"""The embedded collection: `tasks/mini/<language>.jsonl`, one passage a line with its two questions.

A question's only relevant passage is the one it stands with. Query ids are `<passage id>-1` and `<passage id>-2`, the
same in every language, since the languages are parallel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Passage, Qrels, Query
from bench.errors import MissingError
from bench.loaders.jsonl import field, read_objects
from bench.places import Places, shipped
from bench.task import Task


@dataclass(frozen=True)
class Mini:
    """Documents from one language's file, questions from another's or the same."""

    documents: Path
    questions: Path

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        paths = dict.fromkeys((self.documents, self.questions))
        return tuple((f"mini/{path.name}", path) for path in paths)

    def passages(self) -> Iterator[Passage]:
        for number, row in read_objects(self.documents):
            where = (self.documents, number)
            yield Passage(field(row, "id", *where), field(row, "title", *where), field(row, "text", *where))

    def queries(self) -> list[Query]:
        return [query for _, query in self._questions()]

    def qrels(self) -> Qrels:
        return {query.id: {passage: 1} for passage, query in self._questions()}

    def _questions(self) -> Iterator[tuple[str, Query]]:
        for number, row in read_objects(self.questions):
            passage, questions = field(row, "id", self.questions, number), row.get("questions")
            if not isinstance(questions, list) or not all(isinstance(q, str) for q in questions):
                raise MissingError(f"{self.questions}:{number}: expected a list of texts under 'questions'")
            for i, question in enumerate(questions, start=1):
                yield passage, Query(f"{passage}-{i}", question)


def open_source(task: Task, subset: str, split: str, places: Places) -> Mini:
    """The subset's files, which are part of the package."""
    folder = shipped("tasks") / "mini"
    return Mini(folder / f"{task.document_language(subset)}.jsonl", folder / f"{task.query_language(subset)}.jsonl")
