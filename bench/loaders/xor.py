"""XOR-Retrieve's files: questions in JSON lines with answers in English, and one table of English passages for all.

The table is read as the official code does: csv with tabs and quoted cells, columns id, text, title. A cell may not be
longer than 16 MiB, so that a stray quote does not take in the rest of the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.collection import Answers, Passage, Qrels, Query
from bench.errors import MissingError
from bench.loaders.jsonl import encodable, field, read_objects
from bench.loaders.local import locate, published
from bench.loaders.text import open_text
from bench.needed import Needed
from bench.places import Places
from bench.task import Task

_CORPUS = "enwiki_20190201_w100.tsv"
_QUESTIONS = {
    "dev": "xor_dev_retrieve_eng_span_v1_1.jsonl",
    "train": "xor_train_retrieve_eng_span.jsonl",
    "test": "xor_test_retrieve_eng_span_q_only_v1_1.jsonl",
}
_UNANSWERED = "test"
_COLUMNS = ["id", "text", "title"]
_CORPUS_BYTES = 13_000_000_000
_LONGEST_CELL = 1 << 24


@dataclass(frozen=True)
class Xor:
    """One language's questions of a split, and the passages."""

    language: str
    answered: bool
    questions: Path
    corpus: Path

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        paths = (self.questions, self.corpus)
        return tuple((f"xor-retrieve/{path.name.removesuffix('.gz')}", path) for path in paths)

    def passages(self) -> Iterator[Passage]:
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
        with open_text(self.corpus) as lines:
            rows = csv.reader(lines, delimiter="\t")
            try:
                for row in filter(None, rows):
                    if len(row) != 3 or (row[0] == "id" and row != _COLUMNS):
                        raise self._not_a_row(rows.line_num, row)
                    identifier, text, title = row
                    if identifier != "id":
                        yield Passage(identifier, title, text)
            except csv.Error as error:
                raise MissingError(
                    f"{self.corpus}:{rows.line_num}: not a table of tab-separated cells: {error}"
                ) from error

    def _not_a_row(self, number: int, row: list[str]) -> MissingError:
        found = f"{len(row)} columns" if len(row) != 3 else ", ".join(row)
        return MissingError(f"{self.corpus}:{number}: expected the columns {', '.join(_COLUMNS)}, found {found}")

    def queries(self) -> list[Query]:
        path = self.questions
        queries = [Query(field(row, "id", path, n), field(row, "question", path, n)) for n, row in self._rows()]
        if not queries:
            raise MissingError(f"{path}: no question whose 'lang' is {self.language!r}: get the file again")
        return queries

    def qrels(self) -> Qrels | None:
        """None: passages are not judged."""
        return None

    def answers(self) -> Answers | None:
        """The answers of every question; MissingError at one without text, which every passage would hold."""
        if not self.answered:
            return None
        return {field(row, "id", self.questions, n): self._answers(row, n) for n, row in self._rows()}

    def _answers(self, row: dict[str, Any], number: int) -> list[str]:
        found = row.get("answers")
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            raise MissingError(f"{self.questions}:{number}: expected a list of texts under 'answers'")
        if not all(text.strip() for text in found):
            raise MissingError(f"{self.questions}:{number}: an answer has no text: every passage would hold it")
        return [encodable(text, "answers", self.questions, number) for text in found]

    def _rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, row in read_objects(self.questions):
            if field(row, "lang", self.questions, number) == self.language:
                yield number, row


def needed(task: Task, subset: str, split: str) -> list[Needed]:
    """The questions and the passages, which are not packed and take about 13 GB."""
    questions = published(task, subset, f"xor-retrieve/{_QUESTIONS[split]}")
    return [questions, published(task, subset, f"xor-retrieve/{_CORPUS}", f"models/{_CORPUS}", _CORPUS_BYTES)]


def open_source(task: Task, subset: str, split: str, places: Places) -> Xor:
    """The questions of the split, which share a file with those of the other languages, and the passages."""
    questions = locate(task, subset, f"xor-retrieve/{_QUESTIONS[split]}", places)
    corpus = locate(task, subset, f"xor-retrieve/{_CORPUS}", places, remote=f"models/{_CORPUS}")
    return Xor(task.languages[subset].source_code or subset, split != _UNANSWERED, questions, corpus)
