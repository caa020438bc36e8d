"""XTREME-UP's prediction files: one a language, a line `{"prediction": [id, ..]}` for each line of the split."""

from __future__ import annotations

from collections.abc import Iterable

from bench.collection import Query
from bench.files import dump_json
from bench.ranking import Run

DEPTH = 10
"""The official scorer has no cut of its own: that its measure is MRR@10 comes from files of ten ids a line."""


def prediction_lines(queries: Iterable[Query], run: Run, depth: int = DEPTH) -> str:
    """The file of one language; `queries` in the order of the split's lines, all of them."""
    ranked = (run[query.id].docs[:depth] if query.id in run else [] for query in queries)
    return "".join(dump_json({"prediction": docs}, indent=None) for docs in ranked)
