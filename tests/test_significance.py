"""Units and bootstrap intervals, beside scipy and cases worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from panels import skewed, table
from scipy import stats

from bench.significance.bootstrap import draws, intervals, replicates
from bench.significance.panel import Design, Sheet, panel
from bench.significance.randomisation import all_pairs

# Of a standard error: three to four times what two ends from 20,000 draws each differ by.
TOLERANCE = 0.12


def test_units_are_queries_questions_or_clusters() -> None:
    assert Design().names(["a-1", "a-2", "b"]) == ["a-1", "a-2", "b"]
    assert Design(cluster=".+(?=-)").names(["a-1", "a-2", "b", "c-d-1"]) == ["a", "a", "b", "c-d"]
    apart = panel(["s"], {"x": Sheet(("b", "a"), np.ones((1, 2))), "y": Sheet(("c",), np.ones((1, 1)))}, Design())
    assert [(list(one.units), one.size) for one in apart.languages] == [([1, 0], 2), ([0], 1)]
    sheets = {"x": Sheet(("b", "a"), np.ones((1, 2))), "y": Sheet(("c", "b"), np.ones((1, 2)))}
    tied = panel(["s"], sheets, Design(parallel=True))
    assert [(list(one.units), one.size) for one in tied.languages] == [([1, 0], 3), ([2, 1], 3)]
    assert [list(one.counts) for one in tied.languages] == [[1, 1, 0], [0, 1, 1]]


def test_the_sums_of_units_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(3)
    names = tuple(f"{c}-{i}" for i in range(4) for c in "dacb")
    scores = rng.random((3, 16))
    language = table(scores, design=Design(cluster="[a-d]"), names=names).languages[0]
    expected = [[sum(s[i] - 0.25 for i, n in enumerate(names) if n[0] == c) for c in "abcd"] for s in scores]
    assert language.totals(np.array(0.25)) == pytest.approx(np.array(expected), abs=1e-12)


# Bootstrap


@pytest.mark.parametrize("count", [25, 400])
def test_intervals_are_those_of_scipy(count: int) -> None:
    scores = skewed(np.random.default_rng(count), count)
    low, high = (end[0, 0] for end in intervals(table(scores[None]), 20_000).languages)
    theirs = stats.bootstrap(
        (scores,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(5), batch=2000
    )
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=TOLERANCE * theirs.standard_error)
    plain = stats.bootstrap((scores,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(5))
    # With few queries plain percentiles would fail this test.
    assert count > 25 or abs(plain.confidence_interval.high - high) > TOLERANCE * theirs.standard_error


def test_intervals_by_cluster_are_those_of_scipy_for_a_ratio() -> None:
    rng = np.random.default_rng(8)
    sizes = rng.integers(1, 6, 60)
    level = skewed(rng, 60)
    names = tuple(f"{c:02}-{i}" for c, size in enumerate(sizes) for i in range(size))
    scores = np.clip([level[int(name[:2])] + rng.normal(0, 0.05) for name in names], 0, 1)
    low, high = (
        end[0, 0]
        for end in intervals(table(scores[None], design=Design(cluster="[0-9]+"), names=names), 20_000).languages
    )
    sums = np.array([sum(s for s, name in zip(scores, names, strict=True) if int(name[:2]) == c) for c in range(60)])

    def ratio(sums: Any, sizes: Any, axis: int) -> Any:
        return sums.sum(axis=axis) / sizes.sum(axis=axis)

    theirs = stats.bootstrap(
        (sums, sizes), ratio, paired=True, vectorized=True, n_resamples=20_000, method="BCa", rng=rng
    )
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=TOLERANCE * theirs.standard_error)
    queries = intervals(table(scores[None]), 20_000).languages
    assert (queries.high - queries.low)[0, 0] < 0.8 * (high - low)


@pytest.mark.parametrize("parallel", [True, False])
def test_intervals_of_the_macro_mean_are_those_of_scipy(parallel: bool) -> None:
    rng = np.random.default_rng(4)
    hard = skewed(rng, 80)
    first, second = (np.clip(hard + rng.normal(0, 0.1, 80), 0, 1) for _ in range(2))
    low, high = (end[0] for end in intervals(table(first[None], second[None], design=Design(parallel)), 20_000).macro)

    def macro(first: Any, second: Any, axis: int) -> Any:
        return (first.mean(axis=axis) + second.mean(axis=axis)) / 2

    theirs = stats.bootstrap(
        (first, second), macro, paired=parallel, vectorized=True, n_resamples=20_000, method="BCa", rng=rng
    )
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=TOLERANCE * theirs.standard_error)


def test_two_queries_by_hand() -> None:
    """Of 0 and 1 the means of two draws are 0, .5, .5 and 1, each as likely."""
    found = next(replicates(table(np.array([[0.0, 1.0]])), 8000, 0))[:, 0]
    values, counts = np.unique(found, return_counts=True)
    assert list(values) == [-0.5, 0.0, 0.5]
    assert counts / 8000 == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_draws_are_multinomial() -> None:
    weights = draws(50, 4000, np.random.default_rng(1))
    assert set(weights.sum(axis=1)) == {50.0}
    assert weights.mean(axis=0) == pytest.approx(np.ones(50), abs=0.08)
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.01)


def test_equal_scores_have_an_interval_without_width() -> None:
    low, high = (end[0, 0] for end in intervals(table(np.ones((1, 9)))).languages)
    assert (low, high) == (1.0, 1.0)


def test_a_system_has_the_same_interval_whoever_else_is_there() -> None:
    rng = np.random.default_rng(2)
    one, two = skewed(rng, 3, 40), skewed(rng, 3, 40)
    alone = intervals(table(one[:1], two[:1]))
    among = intervals(table(one, two))
    assert among.languages.low[:, 0] == pytest.approx(alone.languages.low[:, 0], abs=1e-6)
    assert among.macro.high[0] == pytest.approx(alone.macro.high[0], abs=1e-6)
    again = intervals(table(one, two))
    assert np.array_equal(again.macro.low, among.macro.low)
    assert not np.array_equal(intervals(table(one, two), seed=1).macro.low, among.macro.low)


def test_what_was_not_measured_has_no_interval() -> None:
    rng = np.random.default_rng(2)
    one, two = skewed(rng, 2, 30), skewed(rng, 2, 30)
    two[1] = np.nan
    ends = intervals(table(one, two))
    assert np.isnan(ends.languages.low).tolist() == [[False, False], [False, True]]
    assert np.isnan(ends.macro.low).tolist() == [False, True]
    tests = list(all_pairs(table(one, two), 500))
    assert [np.isnan(p[0, 1]) for p in tests] == [False, True, True]
