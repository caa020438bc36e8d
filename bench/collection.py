"""A collection: the corpus, the queries and the relevance judgments of one subset of one task.

Documents stream: a corpus can be read as often as needed and is never held as a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from bench.idtable import Ids
from bench.ranking import Run

Qrels = dict[str, dict[str, int]]
"""Query id -> document id -> relevance label (0 is judged not relevant, 1 and above relevant)."""

Answers = dict[str, list[str]]
"""Query id -> texts, each of which answers the question."""


class Passage(NamedTuple):
    """A document as its source has it; `title` is empty where the source has none."""

    id: str
    title: str
    text: str


class Doc(NamedTuple):
    """A document as a retriever gets it: `text` is what the task's document-text rule made of title and text."""

    id: str
    text: str


class Query(NamedTuple):
    """A query as a retriever gets it."""

    id: str
    text: str


class Corpus(Protocol):
    """The documents of one subset, in the order of their source."""

    @property
    def language(self) -> str:
        """BCP-47 code of the documents."""
        ...

    @property
    def ids(self) -> Ids:
        """The ids by row, distinct, in the order of `docs`; known once `docs` has been read to its end."""
        ...

    def docs(self) -> Iterator[Doc]:
        """All documents, streamed; may be called again."""
        ...

    def texts(self, ids: Sequence[str]) -> list[str]:
        """The texts of a few documents, in the order of `ids`; KeyError for an id that is not there."""
        ...


@runtime_checkable
class Answered(Protocol):
    """A source that has answers to its questions in place of judgments; None where the split's are not public."""

    def answers(self) -> Answers | None: ...


@runtime_checkable
class Located(Protocol):
    """A source that can say where one of its judgments stands."""

    def line_of(self, query: str | None, document: str | None) -> str:
        """`FILE:LINE` of the first judgment of a query or, if that is None, of a document; the file alone for none."""
        ...


@runtime_checkable
class Sharded(Protocol):
    """A source whose documents lie in several files says how many it found."""

    @property
    def shards(self) -> int: ...


@runtime_checkable
class Sliced(Protocol):
    """A source whose relevant documents fall into groups, such as languages, by which a measure can be told apart."""

    def slices(self) -> Mapping[str, str]:
        """Document id -> slice for every document that the qrels name; the order of the slices is that of tables."""
        ...


class OwnScore(NamedTuple):
    """What the makers of a source make of a run: the score's name, what computed it, its value or why there is none."""

    name: str
    by: str
    value: float | None
    fault: str | None = None


@runtime_checkable
class SelfScored(Protocol):
    """A source whose makers have a score of their own, which stands beside the measures and is never ranked."""

    def own_score(self, run: Run) -> OwnScore: ...


class Source(Protocol):
    """The files of one subset, opened: all of them are there, none has been read as a whole yet.

    `files` are (name under the data folder, path) pairs; `passages` streams in file order and may be called again;
    `qrels` is None where the split has no public judgments.
    """

    @property
    def files(self) -> tuple[tuple[str, Path], ...]: ...
    def passages(self) -> Iterator[Passage]: ...
    def queries(self) -> list[Query]: ...
    def qrels(self) -> Qrels | None: ...
