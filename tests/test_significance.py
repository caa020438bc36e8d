"""Intervals, paired tests, correction, groups and ranks, beside scipy, brute force and cases worked out by hand."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from bench.significance.bootstrap import draws, intervals, replicates
from bench.significance.comparison import Moved, compare
from bench.significance.holm import holm
from bench.significance.panel import Design, Panel, Sheet, panel
from bench.significance.power import Seen, smallest_drop, spread_of
from bench.significance.randomisation import all_pairs, hoeffding, paired_test
from bench.significance.ranks import letters, ranking

ROOT = Path(__file__).parents[1]
# Of a standard error: three to four times what two ends from 20,000 draws each differ by.
TOLERANCE = 0.12


def table(*languages: NDArray[np.float64], design: Design | None = None, names: tuple[str, ...] | None = None) -> Panel:
    """A panel of (systems, queries) arrays."""
    sheets = {}
    for i, scores in enumerate(languages):
        queries = names or tuple(f"q{k:05}" for k in range(scores.shape[1]))
        sheets[f"l{i}"] = Sheet(queries, scores)
    return panel([f"s{i}" for i in range(len(languages[0]))], sheets, design or Design())


def skewed(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    return np.minimum(1.0, rng.exponential(0.3, shape))


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


# Paired tests


@pytest.mark.parametrize("alternative", ["two-sided", "less"])
def test_few_units_are_counted_out_as_scipy_does(alternative: Any) -> None:
    rng = np.random.default_rng(9)
    pair = np.round(skewed(rng, 2, 11), 1)
    found = paired_test(table(pair), 0, 1, alternative).languages[0]
    theirs = stats.permutation_test(
        (pair[1], pair[0]), lambda b, a, axis: (b - a).mean(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=np.inf, alternative=alternative,
    )  # fmt: skip
    assert found == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize("alternative", ["two-sided", "less"])
def test_many_units_agree_with_scipy(alternative: Any) -> None:
    rng = np.random.default_rng(10)
    first = skewed(rng, 200)
    pair = np.stack([first, np.clip(first + rng.normal(-0.014, 0.1, 200), 0, 1)])
    found = paired_test(table(pair), 0, 1, alternative, flips=20_000).languages[0]
    theirs = stats.permutation_test(
        (pair[1], pair[0]), lambda b, a, axis: (b - a).mean(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=20_000, alternative=alternative, batch=2000, rng=rng,
    )  # fmt: skip
    assert 0.01 < theirs.pvalue < 0.4
    assert found == pytest.approx(theirs.pvalue, abs=4 * math.sqrt(2 * theirs.pvalue / 20_000))


def test_three_queries_by_hand() -> None:
    """All three better: of the eight patterns of signs two are as extreme, and one on that side."""
    pair = np.array([[0.1, 0.2, 0.3], [0.2, 0.4, 0.6]])
    assert paired_test(table(pair), 0, 1).languages[0] == 2 / 8
    assert paired_test(table(pair[::-1]), 0, 1, "less").languages[0] == 1 / 8
    assert paired_test(table(pair), 0, 1, "less").languages[0] == 1.0
    assert paired_test(table(pair), 0, 0).languages[0] == 1.0


def test_swaps_of_clusters_and_of_questions_by_brute_force() -> None:
    rng = np.random.default_rng(6)
    names = ("a-1", "a-2", "b-1", "c-1", "c-2", "c-3", "d-1")
    one, two = skewed(rng, 2, 7), skewed(rng, 2, 7)
    found = paired_test(table(one, two, design=Design(True, "[a-d]"), names=names), 0, 1)
    totals = np.array(
        [[sum(d for d, n in zip(x[1] - x[0], names, strict=True) if n[0] == c) / 7 for c in "abcd"] for x in (one, two)]
    )
    for column, p in (
        (totals[0], found.languages[0]),
        (totals[1], found.languages[1]),
        (totals.mean(axis=0), found.macro),
    ):
        sums = [abs(np.dot(signs, column)) for signs in itertools.product((1, -1), repeat=4)]
        assert p == sum(value >= abs(column.sum()) - 1e-12 for value in sums) / 16
    apart = paired_test(table(one[:, :4], two[:, :4]), 0, 1).macro
    every = np.concatenate([(x[1] - x[0])[:4] / 4 for x in (one, two)])
    sums = [abs(np.dot(signs, every)) for signs in itertools.product((1, -1), repeat=8)]
    assert apart == sum(value >= abs(every.sum()) - 1e-12 for value in sums) / 256


def test_the_bound_is_never_below_the_exact_value() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        d = rng.normal(0.4, 1, 10)
        sums = np.array(list(itertools.product((1, -1), repeat=10))) @ d
        exact = np.mean(np.abs(sums) >= abs(d.sum()) - 1e-9), np.mean(sums <= d.sum() + 1e-9)
        for p, alternative in zip(exact, ("two-sided", "less"), strict=True):
            assert p <= hoeffding(np.array([d.sum()]), np.array([(d**2).sum()]), alternative)[0] + 1e-12
    tiny = np.stack([np.zeros(400), np.full(400, 0.5)])
    assert paired_test(table(tiny), 0, 1).languages[0] == pytest.approx(2 * math.exp(-200), rel=1e-9)


@pytest.mark.parametrize("design", [Design(), Design(True), Design(True, "q000[0-9]")])
def test_all_pairs_at_once_are_the_pairs_one_by_one(design: Design) -> None:
    rng = np.random.default_rng(12)
    hard = skewed(rng, 60)
    one, two = (
        np.clip(hard + rng.normal(0, 0.1, (4, 60)) + np.array([[0], [0.01], [0.02], [0.05]]), 0, 1) for _ in "ab"
    )
    whole = table(one, two, design=design)
    found = list(all_pairs(whole, 20_000, seed=3))
    for a, b in itertools.combinations(range(4), 2):
        alone = paired_test(whole, a, b, flips=20_000, seed=4)
        for p, q in zip(found, (*alone.languages, alone.macro), strict=True):
            assert p[a, b] == p[b, a] == pytest.approx(q, abs=0.003 + 4 * math.sqrt(q / 20_000))


# Correction, groups, ranks


def test_holm_as_r_has_it() -> None:
    """`p.adjust(c(.01, .02, .03, .04, .05), "holm")` and `p.adjust(c(.01, .04, .03, .005), "holm")`."""
    assert holm(np.array([0.01, 0.02, 0.03, 0.04, 0.05])) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, np.nan, 0.7])) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)


def test_ranks_and_groups_by_hand() -> None:
    """B > A > C > D; only B-D, A-D and B-C are told apart, so A and C, C and D, B and A are not."""
    means = np.array([0.6, 0.7, 0.5, 0.4, np.nan])
    p = np.full((5, 5), 0.5)
    for a, b in ((1, 3), (0, 3), (1, 2)):
        p[a, b] = p[b, a] = 0.001
    found = ranking(means, p)
    assert found.order == (1, 0, 2, 3)
    assert found.ranks == ((1, 2), (1, 3), (2, 4), (3, 4))
    assert letters(found.groups, 4) == ["a", "a b", "b c", "c"]


def test_those_who_share_no_letter_are_told_apart_and_no_others() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        significant = rng.random((7, 7)) < 0.5
        p = np.where(significant | significant.T, 1e-6, 0.9)
        own = [set(text.split()) for text in letters(ranking(np.linspace(1, 0, 7), p).groups, 7)]
        for a, b in itertools.combinations(range(7), 2):
            assert bool(own[a] & own[b]) == (p[a, b] > 0.5)


def test_a_corrected_pair_is_not_told_apart() -> None:
    means, p = np.array([0.3, 0.2, 0.1]), np.full((3, 3), 0.02)
    assert ranking(means, p).ranks == ((1, 3),) * 3
    assert ranking(means[:2], p[:2, :2]).ranks == ((1, 1), (2, 2))
    assert letters(ranking(means, p).groups, 3) == ["a", "a", "a"]


# Two systems side by side


def test_a_comparison_by_hand() -> None:
    pair = np.array([[0.0, 0.5, 1.0, 0.25], [1.0, 0.5, 0.5, 0.5]])
    found = compare(table(pair, pair[:, :3]), moved=2)
    line = found.languages[0]
    assert (line.first, line.second, line.difference) == (0.4375, 0.625, 0.1875)
    assert (line.wins, line.ties, line.losses) == (2, 1, 1)
    assert line.moved == (Moved("q00000", 0.0, 1.0), Moved("q00002", 1.0, 0.5))
    # Patterns of 1, -.5 and .25 whose sum is .75 or more in size: .75, 1.25, 1.75 and their opposites.
    assert line.p == 6 / 8
    assert (found.mean.wins, found.mean.ties, found.mean.losses) == (3, 2, 2)
    assert found.mean.difference == pytest.approx((0.1875 + 0.5 / 3) / 2)


def test_the_interval_of_a_difference_is_paired() -> None:
    rng = np.random.default_rng(7)
    first = skewed(rng, 100)
    second = np.clip(first + rng.normal(0.05, 0.05, 100), 0, 1)
    line = compare(table(np.stack([first, second]))).languages[0]
    theirs = stats.bootstrap((second - first,), np.mean, method="BCa", rng=rng)
    assert line.interval == pytest.approx(tuple(theirs.confidence_interval), abs=0.2 * theirs.standard_error)
    assert line.interval[0] > 0.03


# Power and error rates


@pytest.mark.parametrize(("count", "noise"), [(300, 0.0), (1200, 0.0), (400, 0.05)])
def test_the_smallest_drop_is_found_in_four_of_five_cases(count: int, noise: float) -> None:
    rng = np.random.default_rng(count)
    base = rng.choice([1.0, 0.63, 0.5, 0.0], count, p=[0.7, 0.1, 0.1, 0.1])
    spread = spread_of(rng.normal(0, noise, count) / count) if noise else 0.0
    level = 0.05 / 12
    drop = smallest_drop(Seen(base, spread, level, 0.005))
    assert drop is not None
    found = 0
    for run in range(200):
        lost = rng.random(count) < drop / base.mean()
        after = np.where(lost, 0.0, base) + rng.normal(0, noise, count)
        p = paired_test(table(np.stack([base, after])), 0, 1, "less", flips=1500, seed=run).languages[0]
        found += p <= level and (base - after).mean() > 0.005
    assert 0.7 <= found / 200 <= 0.9


def test_what_no_drop_can_show() -> None:
    assert smallest_drop(Seen(np.zeros(50), 0.0, 0.05, 0.005)) is None
    assert smallest_drop(Seen(np.array([1.0, 1.0]), 0.0, 0.05, 0.005)) is None
    assert smallest_drop(Seen(np.ones(10_000), 0.0, 0.05, 0.02)) == pytest.approx(0.0212, abs=5e-4)


def false_alarms(runs: int, queries: int) -> dict[str, float]:
    command = [sys.executable, ROOT / "benchmarks" / "false_alarms.py", "--json"]
    options = ["--runs", str(runs), "--queries", str(queries)]
    done = subprocess.run([*map(str, command), *options], capture_output=True, text=True, check=True)
    rates: dict[str, float] = json.loads(done.stdout)
    return rates


def test_false_alarms_of_single_languages() -> None:
    rng = np.random.default_rng(0)
    pairs = [skewed(rng, 2, 40) for _ in range(400)]
    rate = np.mean(
        [paired_test(table(pair), 0, 1, flips=999, seed=i).languages[0] <= 0.05 for i, pair in enumerate(pairs)]
    )
    assert rate == pytest.approx(0.05, abs=0.03)


@pytest.mark.long
def test_false_alarms_of_a_parallel_task() -> None:
    rates = false_alarms(200, 120)
    assert rates["correlation of the differences"] == pytest.approx(0.5, abs=0.02)
    assert rates["one language, test"] == pytest.approx(0.05, abs=0.015)
    assert rates["one language, interval"] == pytest.approx(0.05, abs=0.02)
    assert rates["any language, Holm"] <= 0.08
    assert rates["macro mean, test, questions together"] == pytest.approx(0.05, abs=0.035)
    assert rates["macro mean, interval, questions together"] == pytest.approx(0.05, abs=0.04)
    assert rates["macro mean, test, languages apart"] > 0.2
