"""What is asserted of a run: what every retriever promises, brute force's scores, and that two runs agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bench.collection import Doc, Query
from bench.ranking import Ranking, Run


def assert_scores(run: Run, query: Query, expected: dict[str, float], k: int) -> None:
    """A query's best `k` of what brute force found; what lies within rounding of one another may change places."""
    found = run[query.id]
    rounding = 3e-5 * max(map(abs, expected.values()), default=1.0)
    assert found.scores.tolist() == pytest.approx(sorted(expected.values(), reverse=True)[:k], abs=rounding)
    assert [expected[doc] for doc in found.docs] == pytest.approx(found.scores.tolist(), abs=rounding)


def assert_promises(run: Run, queries: Sequence[Query], docs: Sequence[Doc], k: int) -> None:
    assert set(run) <= {query.id for query in queries}
    for ranking in run.values():
        assert isinstance(ranking, Ranking)
        assert ranking.scores.dtype == np.float32
        assert len(ranking.docs) == len(ranking.scores) == len(set(ranking.docs)) <= k
        assert set(ranking.docs) <= {doc.id for doc in docs}
        assert np.isfinite(ranking.scores).all()
        pairs = list(zip(ranking.scores.tolist(), (doc.encode() for doc in ranking.docs), strict=True))
        assert pairs == sorted(pairs, reverse=True)


def as_rows(run: Run) -> dict[str, list[tuple[str, float]]]:
    return {q: list(zip(ranking.docs, ranking.scores.tolist(), strict=True)) for q, ranking in run.items()}


def assert_close(run: Run, other: Run, tolerance: float) -> None:
    """The same documents with the same scores, but for what a batch's shape does to the last bits."""
    assert set(run) == set(other)
    for query in run:
        a, b = (dict(as_rows(r)[query]) for r in (run, other))
        assert a == pytest.approx(b, rel=tolerance, abs=tolerance)
    if not tolerance:
        assert {q: r.docs for q, r in run.items()} == {q: r.docs for q, r in other.items()}
