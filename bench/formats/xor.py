"""XOR-Retrieve's prediction file: one JSON array of `{"id", "lang", "ctxs"}`, `ctxs` being texts in rank order.

The official script skips questions that the file lacks, so every question of the split is in it, and reads `lang` from
it. It takes the texts of passages, neither ids nor titles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from bench.collection import Query
from bench.files import dump_json
from bench.ranking import Run


class Prediction(TypedDict):
    """One question with the texts that were retrieved for it, best first."""

    id: str
    lang: str
    ctxs: list[str]


def predictions(language: str, queries: Iterable[Query], run: Run, texts: Mapping[str, str]) -> list[Prediction]:
    """One language's predictions, in the order of its queries; one without results has no texts.

    `language` is the source's own code; `texts` has every document of the run, without its title.
    """
    ranked = ((query.id, run[query.id].docs if query.id in run else []) for query in queries)
    return [{"id": query, "lang": language, "ctxs": [texts[doc] for doc in docs]} for query, docs in ranked]


def prediction_file(languages: Iterable[list[Prediction]]) -> str:
    """The file of all languages' predictions."""
    return dump_json([prediction for rows in languages for prediction in rows], indent=None)
