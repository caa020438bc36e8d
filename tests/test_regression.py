"""The regression check on the board's own per-query scores of XQuAD: what it catches, and that noise is silent."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.leaderboard.panels import read_columns
from bench.regression import Finding, Limits, Pair, Slower, check, too_slow
from bench.significance.panel import Design, Sheet, panel
from bench.statistics import design_of

BOARD = Path(__file__).parents[1] / "leaderboards"
MEASURE = "nDCG@10"
# nDCG@10 of one relevant document by its rank, and 0 without it.
LADDER = np.append(1 / np.log2(np.arange(2, 12)), 0.0)


@cache
def stored() -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
    columns = read_columns(BOARD / "xquad" / "bm25.parquet", MEASURE)
    return {code: (tuple(column.queries.to_pylist()), column.values) for code, column in columns.items()}


def rungs(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.abs(values[:, None] - LADDER).argmin(axis=1)


def rerun(values: NDArray[np.float64], rng: np.random.Generator, share: float = 0.01) -> NDArray[np.float64]:
    """The same system once more: the relevant document of a few queries is a rank higher or lower."""
    moved = (rng.random(len(values)) < share) * rng.choice([-1, 1], len(values))
    return LADDER[np.clip(rungs(values) + moved, 0, 10)]


def dropped(values: NDArray[np.float64], drop: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random queries lose one rank or more until the mean has fallen by `drop`."""
    values, goal = values.copy(), values.sum() - drop * len(values)
    for i in rng.permutation(len(values)):
        if values.sum() <= goal:
            break
        values[i] = LADDER[min(10, rungs(values[i : i + 1])[0] + rng.integers(1, 11))]
    return values


def again(rng: np.random.Generator, language: str | None = None, drop: float = 0.0, noise: float | None = None) -> Pair:
    """Two runs of one system over all 12 languages, the second one worse in one of them."""
    sheets = {}
    for code, (queries, values) in stored().items():
        before, after = rerun(values, rng), rerun(values, rng)
        worse = dropped(after, drop, rng) if code == language else after
        sheets[code] = Sheet(queries, np.stack([before, worse]))
    return Pair("xquad", "bm25", MEASURE, panel(("baseline", "candidate"), sheets, design_of("xquad")), noise)


def simple(before: list[float], after: list[float], noise: float | None = None) -> Pair:
    queries = tuple(f"q{i:04}" for i in range(len(before)))
    return Pair("t", "m", MEASURE, panel(("b", "c"), {"x": Sheet(queries, np.array([before, after]))}, Design()), noise)


def test_the_design_is_that_of_the_card() -> None:
    assert design_of("xquad") == Design(parallel=True, cluster="[0-9a-f]{8}")
    assert design_of("xquad@other") == design_of("xquad")
    assert design_of("mteb:X") == design_of("nothing") == Design()


def caught(rounds: int, drop: float = 0.02) -> tuple[int, int, int]:
    """How many drops in one language were caught, how many other languages alarmed, of how many rounds x languages."""
    rng, hits, others = np.random.default_rng(2), 0, 0
    for _ in range(rounds):
        for code in stored():
            failed = {finding.language for finding in check([again(rng, code, drop)]) if finding.failed}
            hits, others = hits + (code in failed), others + bool(failed - {code})
    return hits, others, rounds * len(stored())


def alarms(runs: int) -> tuple[int, int]:
    """Of re-runs that differ by noise only, how many alarm, and how many would by significance alone."""
    rng, loud, significant = np.random.default_rng(3), 0, 0
    # As `--store-noise` measures it: how far one re-run differs at most.
    floor = float(np.abs(np.diff(again(rng).panel.means, axis=1)).max())
    for run in range(runs):
        findings = check([again(rng, noise=floor)], seed=run)
        loud += any(finding.failed for finding in findings)
        significant += any(finding.adjusted <= 0.05 for finding in findings)
    return loud, significant


def test_a_drop_of_two_hundredths_in_any_language_is_caught() -> None:
    assert caught(1) == (12, 0, 12)


def test_reruns_are_silent() -> None:
    assert alarms(25)[0] == 0


@pytest.mark.slow
def test_both_rates() -> None:
    loud, significant = alarms(200)
    assert loud == 0
    assert significant <= 18  # 5 % of 200, and two and a half standard errors
    hits, others, of = caught(9)
    assert hits >= 0.98 * of
    assert others <= 0.05 * of
    print(f"caught {hits} of {of}, {others} others; {loud} of 200 re-runs alarm, {significant} by significance alone")


def test_a_drop_that_does_not_matter_is_let_pass() -> None:
    assert caught(1, drop=0.004)[0] <= 4


def test_the_smallest_drop_on_xquad_is_no_blind_spot() -> None:
    findings = check([again(np.random.default_rng(1))])
    assert {finding.blind for finding in findings} == {False}
    assert all(0.008 < (finding.smallest or 1) < 0.02 for finding in findings)


def one(pair: Pair, limits: Limits | None = None) -> Finding:
    (finding,) = check([pair], limits)
    return finding


def test_a_drop_must_be_significant_large_enough_and_above_the_noise() -> None:
    before = [1.0] * 100
    worse = [1.0] * 90 + [0.5] * 10  # a drop of .05; one of 2 ** 10 patterns is as bad: p = 2 ** -10
    found = one(simple(before, worse))
    assert (found.failed, found.p, found.adjusted) == (True, 2**-10, 2**-10)
    assert found.difference == pytest.approx(-0.05)
    assert not one(simple(before, worse), Limits(min_effect=0.051)).failed
    assert not one(simple(before, worse, noise=0.051)).failed
    assert one(simple(before, worse, noise=0.049)).failed
    assert not one(simple(before, worse), Limits(alpha=0.0009)).failed
    assert not one(simple(worse, before)).failed  # better
    few = one(simple(before, [1.0] * 96 + [0.0] * 4))  # a drop of .04, but p = 2 ** -4
    assert (few.failed, few.p) == (False, 1 / 16)


def test_all_comparisons_are_corrected_together() -> None:
    before, worse = [1.0] * 100, [1.0] * 93 + [0.0] * 7  # p = 2 ** -7 = .0078
    same = simple(before, before)
    assert one(simple(before, worse)).failed
    findings = check([simple(before, worse), *[same] * 6])
    assert findings[0].adjusted == pytest.approx(7 / 128)
    assert not findings[0].failed


def test_few_queries_are_blind_and_say_so() -> None:
    found = one(simple([1.0] * 40, [1.0] * 40))
    assert found.blind
    assert found.smallest is not None and found.smallest > 0.05
    assert one(simple([0.0] * 500, [0.0] * 500)).smallest is None
    assert not one(simple([1.0] * 2000, [1.0] * 2000)).blind


def test_too_slow_is_a_ratio() -> None:
    rows = [Slower("t", "m", 10.0, 15.0), Slower("t", "n", 0.0, 15.0)]
    assert too_slow(rows, 1.4) == rows[:1]
    assert too_slow(rows, 1.6) == []
