"""What is possible but improbable in a result is flagged: a reader should look before believing.

A flag is `{check, language, seen, limit}`. The impossible (NaN, a measure outside [0, 1]) stops a run elsewhere.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bench.collection import Qrels
from bench.errors import InputError, StoppedError
from bench.measure import Measure
from bench.ranking import Run

CHECKS = {
    "not above random": "the mean nDCG, AP or recall is not above that of a random order, two standard errors allowed",
    "one document on top": "one document is first for more than half of the queries, and is not relevant to them",
    "equal vectors": "more than 1 in 100 texts have a vector that is equal bit by bit to that of another text",
    "far below the others": "a language scores less than half of the median of the others",
}

# Texts that differ only in what a tokenizer drops (case, accents, what was cut off) have equal vectors honestly.
_EQUAL = 0.01


NOTE_LENGTH = 280


def checked_note(text: str) -> str:
    """A note that explains flags: plain text of one line, white space at its ends dropped.

    InputError where it is empty, longer than 280 characters, or holds what a terminal or a page would obey.
    """
    note = text.strip()
    if not 0 < len(note) <= NOTE_LENGTH:
        raise InputError(f"--note: expected 1 to {NOTE_LENGTH} characters, found {len(note)}")
    for char in note:
        # Controls, formats such as bidirectional overrides, lone surrogates, and breaks of lines and paragraphs.
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            raise InputError(f"--note: the character U+{ord(char):04X} is not allowed: plain text of one line")
    return note


class Flag(NamedTuple):
    """One finding; `seen` and `limit` are in the check's own unit (a score, or a share of queries or texts)."""

    check: str
    language: str
    seen: float
    limit: float

    def as_dict(self) -> dict[str, Any]:
        """The flag as it is stored."""
        return {"check": self.check, "language": self.language, "seen": self.seen, "limit": self.limit}


def refuse_impossible(where: str, values: Mapping[Measure, Mapping[str, float]]) -> None:
    """StoppedError for a value of a query that is not in [0, 1]: nothing of the kind may be stored."""
    for measure, column in values.items():
        for query, value in column.items():
            if not 0 <= value <= 1:
                raise StoppedError(f"{where}: {measure} of the query {query!r} is {value}: impossible, not in [0, 1]")


def expected_at_random(measure: Measure, relevant: int, pool: int) -> float:
    """The mean of a measure over all orders of `pool` documents of which `relevant` have label 1.

    nDCG@k: every rank holds a relevant document with probability relevant/pool. R@k: k/pool of them are in front. AP: a
    relevant document at a rank has there, beside itself, its share of the others among those above.
    """
    k = min(measure.cutoff or pool, pool)
    if not relevant or not pool:
        return 0.0
    if measure.base == "R":
        return k / pool
    if measure.base == "AP":
        others = (relevant - 1) / max(1, pool - 1)
        return ((1 - others) * _harmonic(k) + others * k) / pool
    gains = math.fsum(1 / math.log2(i + 1) for i in range(1, k + 1))
    ideal = math.fsum(1 / math.log2(i + 1) for i in range(1, min(relevant, k) + 1))
    return relevant / pool * gains / ideal


@cache
def _harmonic(k: int) -> float:
    """1 + 1/2 + .. + 1/k."""
    return math.fsum(1 / i for i in range(1, k + 1))


def not_above_random(
    language: str, measure: Measure, values: Mapping[str, float], qrels: Qrels, pool: int
) -> Flag | None:
    """Flag a mean not above chance by more than two standard errors; needs nDCG, AP or R, its cut below the pool."""
    saturated = measure.cutoff is not None and measure.cutoff >= pool
    if measure.base not in ("nDCG", "AP", "R") or measure.tokens is not None or saturated or len(values) < 2:
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
    flags: list[Flag] = []
    if len(means) < 4:
        return flags
    ordered = sorted(means.values())
    for language, mean in means.items():
        limit = _median_without(ordered, mean) / 2
        if mean < limit:
            flags.append(Flag("far below the others", language, mean, limit))
    return flags


def _median_without(ordered: Sequence[float], value: float) -> float:
    """The median of sorted values, one of them left out; a task may have hundreds of languages."""
    gap, rest = bisect_left(ordered, value), len(ordered) - 1
    low, high = ((rest - 1) // 2, rest // 2)
    return (ordered[low + (low >= gap)] + ordered[high + (high >= gap)]) / 2
