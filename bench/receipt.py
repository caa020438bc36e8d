"""The receipt of an approximate index: what it loses against exact search, on the same questions in the same run.

The whole system is run once more with every index switched off, re-ranking and fusion included, for all questions or
a seeded sample of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from bench.adapters.approximate import ApproximateRetriever
from bench.census import CountedCorpus
from bench.collection import Query
from bench.plan import Plan
from bench.ranking import Run
from bench.retriever import Retriever, parts
from bench.scores import Scores
from bench.scoring import Truth, search_and_score
from bench.search.approximate import SEED
from bench.watch import Watch

QUERIES = 256
"""Questions that are searched exactly at most."""


def receipt(
    plan: Plan, retriever: Retriever, queries: Sequence[Query], truth: Truth, corpus: CountedCorpus, watch: Watch
) -> dict[str, Any] | None:
    """What the index does, as JSON for the recipe; None where search is exact.

    `overlap` is the share of the exact top k that the approximate one has, over the questions; `measures` have the
    means of both on these questions, and the difference of the approximate one from the exact one.
    """
    indexes = [part for part in parts(retriever) if isinstance(part, ApproximateRetriever)]
    if not indexes or not queries:
        return None
    drawn = random.Random(SEED).sample(list(queries), min(len(queries), QUERIES))
    names = {query.id for query in drawn}
    some = [query for query in queries if query.id in names]
    with watch.aside("receipt"):
        found, scores = search_and_score(plan, retriever, some, truth, corpus, watch)
        with ExitStack() as stack:
            for part in indexes:
                stack.enter_context(part.exactly())
            exact, exact_scores = search_and_score(plan, retriever, some, truth, corpus, watch)
    return {
        "indexes": [part.described() for part in indexes],
        "queries": len(some),
        "of": len(queries),
        "seed": SEED,
        "k": plan.kept,
        "overlap": overlap(exact, found),
        "measures": _differences(plan, exact_scores, scores),
    }


def _differences(plan: Plan, exact: Scores | None, found: Scores | None) -> dict[str, dict[str, float]]:
    """By measure the means of both and their difference; nothing where there are no judgments."""
    if exact is None or found is None:
        return {}
    known = [measure for measure in plan.measures if exact.values.get(measure)]
    pairs = {str(measure): (exact.mean(measure), found.mean(measure)) for measure in known}
    return {name: {"exact": a, "approximate": b, "difference": b - a} for name, (a, b) in pairs.items()}


def overlap(exact: Run, found: Run) -> float:
    """The share of each question's exact documents that were found, averaged over the questions; 1 for empty ones."""
    shares = [
        len(set(ranking.docs) & set(found[query].docs if query in found else ())) / len(ranking.docs)
        for query, ranking in exact.items()
        if ranking.docs
    ]
    return sum(shares) / len(shares) if shares else 1.0
