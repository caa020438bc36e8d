"""What is possible but improbable in a result is flagged: a reader should look before believing.

A flag is `{check, language, seen, limit}`. The impossible (NaN, a measure outside [0, 1]) stops a run elsewhere.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bench.collection import Qrels
from bench.measure import Measure
from bench.ranking import Run

CHECKS = {
    "not above random": "the mean nDCG or recall is not above that of a random order, two standard errors allowed",
    "one document on top": "one document is first for more than half of the queries, and is not relevant to them",
    "equal vectors": "more than 1 in 100 texts have a vector that is equal bit by bit to that of another text",
    "far below the others": "a language scores less than half of the median of the others",
}

# Texts that differ only in what a tokenizer drops (case, accents, what was cut off) have equal vectors honestly.
_EQUAL = 0.01


class Flag(NamedTuple):
    """One finding; `seen` and `limit` are in the check's own unit (a score, or a share of queries or texts)."""

    check: str
    language: str
    seen: float
    limit: float

    def as_dict(self) -> dict[str, Any]:
        """The flag as it is stored."""
        return {"check": self.check, "language": self.language, "seen": self.seen, "limit": self.limit}


def expected_at_random(measure: Measure, relevant: int, pool: int) -> float:
    """The mean of a measure over all orders of `pool` documents of which `relevant` have label 1.

    nDCG@k: every rank holds a relevant document with probability relevant/pool. R@k: k/pool of them are in front.
    """
    k = min(measure.cutoff or pool, pool)
    if not relevant or not pool:
        return 0.0
    if measure.base == "R":
        return k / pool
    gains = math.fsum(1 / math.log2(i + 1) for i in range(1, k + 1))
    ideal = math.fsum(1 / math.log2(i + 1) for i in range(1, min(relevant, k) + 1))
    return relevant / pool * gains / ideal


def not_above_random(
    language: str, measure: Measure, values: Mapping[str, float], qrels: Qrels, pool: int
) -> Flag | None:
    """Flag a mean that does not rise above chance by more than two standard errors; needs nDCG or R below the pool."""
    saturated = measure.cutoff is not None and measure.cutoff >= pool
    if measure.base not in ("nDCG", "R") or measure.tokens is not None or saturated or len(values) < 2:
        return None
    chance = math.fsum(
        expected_at_random(measure, sum(label > 0 for label in qrels[q].values()), pool) for q in values
    ) / len(values)
    column = np.array(list(values.values()))
    limit = chance + 2 * float(column.std(ddof=1)) / math.sqrt(len(column))
    mean = float(column.mean())
    return Flag("not above random", language, mean, limit) if mean <= limit else None


def one_document_on_top(language: str, run: Run, qrels: Qrels) -> Flag | None:
    """Flag a document that is first for more than half of the queries (10 or more), where it is not relevant."""
    tops = [(q, r.docs[0]) for q, r in run.items() if r.docs and q in qrels]
    wrong = Counter(doc for q, doc in tops if qrels[q].get(doc, 0) <= 0)
    if len(tops) < 10 or not wrong:
        return None
    share = wrong.most_common(1)[0][1] / len(tops)
    return Flag("one document on top", language, share, 0.5) if share > 0.5 else None


def equal_vectors(language: str, equal: int, texts: int) -> Flag | None:
    """Flag more than one in a hundred: `equal` of `texts` share theirs with another text of their shard."""
    share = equal / texts
    return Flag("equal vectors", language, share, _EQUAL) if share > _EQUAL else None


def far_below(means: Mapping[str, float]) -> list[Flag]:
    """Flag every language whose mean is below half of the median of the other languages (three or more of them)."""
    flags = []
    for language, mean in means.items():
        others = [value for other, value in means.items() if other != language]
        limit = float(np.median(others)) / 2 if len(others) >= 3 else 0.0
        if mean < limit:
            flags.append(Flag("far below the others", language, mean, limit))
    return flags
