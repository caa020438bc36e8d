"""Paired tests, correction, groups, ranks, comparisons and power, beside scipy, brute force and cases by hand."""

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
from panels import skewed, table
from scipy import stats

from bench.significance.comparison import Moved, compare
from bench.significance.holm import holm
from bench.significance.panel import Design
from bench.significance.power import Seen, smallest_drop, spread_of
from bench.significance.randomisation import all_pairs, hoeffding, paired_test
from bench.significance.ranks import letters, ranking

ROOT = Path(__file__).parents[1]

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
