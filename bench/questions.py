"""The questions of a subset with what tells right answers, read and looked at before a document is."""

from __future__ import annotations

from typing import NamedTuple

from bench.census import Counts, check_queries, counts_of
from bench.collection import Answered, Answers, Qrels, Query, Source


class Questions(NamedTuple):
    """Queries with their judgments or answers; both None where the split has nothing public."""

    queries: list[Query]
    qrels: Qrels | None
    answers: Answers | None

    @property
    def counts(self) -> Counts:
        """What a census will count of them."""
        return counts_of(*self)

    @property
    def judged(self) -> set[str]:
        """The documents that the judgments name."""
        return {doc for labels in (self.qrels or {}).values() for doc in labels}


def read_questions(where: str, source: Source) -> Questions:
    """The questions of a source. MissingError, which begins with `where`, for such as no run could mend."""
    queries, qrels = source.queries(), source.qrels()
    answers = source.answers() if isinstance(source, Answered) else None
    check_queries(where, queries, qrels, source)
    return Questions(queries, qrels, answers)
