"""SQuAD's JSON as retrieval: documents are the distinct contexts, queries the distinct question texts.

A question text that occurs twice is one query with all its contexts relevant (as mteb's XQuADRetrieval has it).
A document's id is `<article>-<paragraph>`, both counted from 1; a query's id is that of its first question.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from bench.collection import Passage, Qrels, Query
from bench.errors import InputError, MissingError
from bench.loaders.local import locate
from bench.loaders.text import open_text, plain
from bench.places import Places
from bench.task import Task


class _Question(NamedTuple):
    id: str
    text: str
    document: str


@dataclass(frozen=True)
class Squad:
    """One SQuAD file, read once and whole: such files are small."""

    name: str
    path: Path

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        return ((self.name, self.path),)

    @cached_property
    def _rows(self) -> tuple[dict[str, str], list[_Question]]:
        """Document ids by context, and all questions."""
        contexts: dict[str, str] = {}
        questions: list[_Question] = []
        try:
            with open_text(self.path) as file:
                data = json.load(file)["data"]
            for a, article in enumerate(data, start=1):
                for p, paragraph in enumerate(article["paragraphs"], start=1):
                    document = contexts.setdefault(plain(paragraph["context"]), f"{a}-{p}")
                    questions += [_Question(str(qa["id"]), plain(qa["question"]), document) for qa in paragraph["qas"]]
        except UnicodeEncodeError as error:
            raise MissingError(f"{self.path}: a text holds a lone surrogate, which is no character") from error
        except (ValueError, RecursionError) as error:
            raise MissingError(f"{self.path}: truncated or not JSON: {error}; get the file again") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise MissingError(
                f"{self.path}: not in SQuAD's layout (data, paragraphs, context, qas): {error!r}"
            ) from error
        return contexts, questions

    def passages(self) -> Iterator[Passage]:
        return (Passage(document, "", context) for context, document in self._rows[0].items())

    def queries(self) -> list[Query]:
        return [Query(identifier, text) for text, identifier in self._ids().items()]

    def qrels(self) -> Qrels:
        ids = self._ids()
        qrels: Qrels = {}
        for question in self._rows[1]:
            qrels.setdefault(ids[question.text], {})[question.document] = 1
        return qrels

    def _ids(self) -> dict[str, str]:
        """Query id by question text, in the order of the file."""
        ids: dict[str, str] = {}
        for question in self._rows[1]:
            ids.setdefault(question.text, question.id)
        return ids


def open_source(task: Task, subset: str, split: str, places: Places) -> Squad:
    """The one file that the card names for the subset."""
    names = list(task.languages[subset].files)
    if len(names) != 1:
        raise InputError(f"tasks/{task.name}.yaml: languages.{subset}.files: expected one file, found {len(names)}")
    return Squad(names[0], locate(task, subset, names[0], places))
