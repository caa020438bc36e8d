"""One query of a run under the glass: its judgments and where the run has them, its top documents, its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.collection import Query, Source
from bench.ranking import Ranking
from bench.task import Task, document_text

Values = dict[str, dict[str, float]]
"""Query id -> measure, spelled as measures are -> value."""


class Judgment(NamedTuple):
    """A judged document; `rank` counts from 1, None where the run does not have it."""

    document: str
    label: int
    rank: int | None


class Hit(NamedTuple):
    """A document of the run; `label` is None where nobody judged it."""

    rank: int
    document: str
    score: float
    label: int | None


@dataclass(frozen=True)
class Inspection:
    """One query; `judgments` by falling label and then by rank, `hits` from the top, `values` by measure."""

    query: Query
    values: dict[str, float]
    judgments: tuple[Judgment, ...]
    hits: tuple[Hit, ...]

    def as_dict(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """The query as JSON has it; `text` is null where `texts` lacks the document."""
        return {
            "query": self.query.id,
            "question": self.query.text,
            "values": self.values,
            "judgments": [judgment._asdict() for judgment in self.judgments],
            "documents": [hit._asdict() | {"text": texts.get(hit.document)} for hit in self.hits],
        }


def inspected(
    query: Query, labels: Mapping[str, int], ranking: Ranking | None, values: Mapping[str, float], hits: int
) -> Inspection:
    """What a run has for one query, with its first `hits` documents; None is a query without results."""
    docs, scores = (ranking.docs, ranking.scores.tolist()) if ranking is not None else ([], [])
    ranks = {doc: place for place, doc in enumerate(docs, start=1)}
    judgments = [Judgment(doc, label, ranks.get(doc)) for doc, label in labels.items()]
    judgments.sort(key=lambda j: (-j.label, j.rank is None, j.rank or 0, j.document))
    top = zip(docs[:hits], scores, strict=False)
    found = [Hit(place, doc, score, labels.get(doc)) for place, (doc, score) in enumerate(top, start=1)]
    return Inspection(query, dict(values), tuple(judgments), tuple(found))


def worst(values: Values, measures: Sequence[str], count: int) -> list[str]:
    """The queries with the lowest values of the first measure, the next ones deciding where it ties, then the id."""
    return sorted(values, key=lambda query: ([values[query][m] for m in measures], query))[:count]


def texts_of(task: Task, source: Source, ids: Iterable[str]) -> dict[str, str]:
    """The texts of a few documents by the card's rule, from one reading that ends when all are found."""
    wanted, texts = set(ids), dict[str, str]()
    for passage in source.passages() if wanted else ():
        if passage.id in wanted:
            texts[passage.id] = document_text(task.document_text, passage)
            if len(texts) == len(wanted):
                break
    return texts
