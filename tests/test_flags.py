"""Flags: each check fires where it should and is silent where it should, and chance is what a simulation finds."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.flags import (
    CHECKS,
    equal_vectors,
    expected_at_random,
    far_below,
    not_above_random,
    one_document_on_top,
)
from bench.measure import Measure
from bench.ranking import Ranking

NDCG, R = Measure.parse("nDCG@10"), Measure.parse("R@5")


@pytest.mark.parametrize(
    ("measure", "relevant", "pool"),
    [
        ("nDCG@10", 1, 24),
        ("nDCG@10", 3, 24),
        ("nDCG@10", 15, 40),
        ("nDCG@10", 2, 6),
        ("R@5", 1, 24),
        ("R@5", 7, 24),
        ("R@100", 2, 24),
        ("AP", 1, 24),
        ("AP", 5, 24),
        ("AP@10", 3, 24),
    ],
)
def test_chance_is_what_a_simulation_finds(measure: str, relevant: int, pool: int) -> None:
    from bench.scores import evaluate

    parsed = Measure.parse(measure)
    rng = random.Random(7)
    docs = [f"d{i}" for i in range(pool)]
    qrels = {f"q{i}": dict.fromkeys(docs[:relevant], 1) for i in range(4000)}
    scores = np.arange(pool, 0, -1, dtype=np.float32)
    run = {query: Ranking(rng.sample(docs, pool), scores) for query in qrels}
    values = list(evaluate(run, qrels, [parsed]).values[parsed].values())
    error = float(np.std(values)) / math.sqrt(len(values))
    assert expected_at_random(parsed, relevant, pool) == pytest.approx(float(np.mean(values)), abs=4 * error + 1e-9)


def test_a_random_order_of_mini() -> None:
    assert expected_at_random(NDCG, 1, 24) == pytest.approx(sum(1 / math.log2(r + 1) for r in range(1, 11)) / 24)
    assert f"{expected_at_random(NDCG, 1, 24):.2f}" == "0.19"


@pytest.mark.parametrize(("relevant", "pool", "chance"), [(0, 24, 0.0), (3, 0, 0.0), (24, 24, 1.0)])
def test_chance_at_the_edges(relevant: int, pool: int, chance: float) -> None:
    assert expected_at_random(NDCG, relevant, pool) == pytest.approx(chance)


# --- not above random


def judged(count: int, relevant: int = 1) -> dict[str, dict[str, int]]:
    return {f"q{i}": {f"d{j}": 1 for j in range(relevant)} for i in range(count)}


def spread(mean: float, count: int = 100) -> dict[str, float]:
    """Values of that mean, half of them 0.1 above it and half below: a standard error of about 0.01."""
    return {f"q{i}": mean + (0.1 if i % 2 else -0.1) for i in range(count)}


def test_a_mean_at_chance_is_flagged() -> None:
    chance = expected_at_random(NDCG, 1, 24)
    limit = chance + 2 * float(np.std(list(spread(0.5).values()), ddof=1)) / 10
    for mean in (chance - 0.1, chance, limit - 1e-6):
        flag = not_above_random("sw", NDCG, spread(mean), judged(100), 24)
        assert flag is not None
        assert (flag.check, flag.language) == ("not above random", "sw")
        assert (flag.seen, flag.limit) == (pytest.approx(mean), pytest.approx(limit))
    assert not_above_random("sw", NDCG, spread(limit + 1e-6), judged(100), 24) is None


def test_recall_and_several_relevant_documents() -> None:
    assert not_above_random("sw", R, spread(5 / 24), judged(100, 4), 24) is not None
    assert not_above_random("sw", R, spread(5 / 24 + 0.05), judged(100, 4), 24) is None
    assert not_above_random("sw", NDCG, spread(0.3), judged(100, 1), 24) is None
    assert not_above_random("sw", NDCG, spread(0.3), judged(100, 12), 24) is not None


def test_a_document_judged_not_relevant_does_not_count_as_relevant() -> None:
    qrels = {query: labels | {f"n{i}": 0 for i in range(11)} for query, labels in judged(100).items()}
    assert not_above_random("sw", NDCG, spread(0.3), qrels, 24) is None


@pytest.mark.parametrize(
    ("measure", "queries", "pool"),
    [("R@100", 100, 24), ("nDCG@10", 100, 10), ("RR", 100, 24), ("MRR@10", 100, 24), ("nDCG@10", 1, 24)],
)
def test_where_chance_says_nothing_there_is_no_flag(measure: str, queries: int, pool: int) -> None:
    assert not_above_random("sw", Measure.parse(measure), spread(0.0, queries), judged(queries), pool) is None


# --- one document on top


def tops(first: list[str]) -> Any:
    scores = np.array([2.0, 1.0], np.float32)
    return {f"q{i}": Ranking([doc, "other"], scores) for i, doc in enumerate(first)}


def test_one_document_first_for_more_than_half_of_the_queries() -> None:
    qrels = {f"q{i}": {f"d{i}": 1} for i in range(20)}
    flag = one_document_on_top("sw", tops(["hub"] * 11 + ["x"] * 9), qrels)
    assert flag == ("one document on top", "sw", 11 / 20, 0.5)
    assert one_document_on_top("sw", tops(["hub"] * 10 + ["x"] * 10), qrels) is None
    assert one_document_on_top("sw", tops(["hub"] * 20), {q: {"hub": 1} for q in qrels}) is None
    assert one_document_on_top("sw", tops(["hub"] * 20), {q: {"hub": 0} for q in qrels}) is not None


def test_few_queries_or_none_with_judgments_say_nothing() -> None:
    qrels = {f"q{i}": {f"d{i}": 1} for i in range(20)}
    assert one_document_on_top("sw", tops(["hub"] * 9), qrels) is None
    assert one_document_on_top("sw", tops(["hub"] * 20), {}) is None
    empty = {query: Ranking([], np.array([], np.float32)) for query in qrels}
    assert one_document_on_top("sw", empty, qrels) is None
    assert one_document_on_top("sw", {}, qrels) is None


# --- equal vectors


def test_equal_vectors() -> None:
    assert equal_vectors("sw", 2, 100) == ("equal vectors", "sw", 0.02, 0.01)
    assert equal_vectors("sw", 1, 100) is None
    assert equal_vectors("sw", 0, 100) is None


# --- far below the others


def test_a_language_far_below_the_others() -> None:
    means = {"ar": 0.6, "en": 0.8, "sw": 0.29, "te": 0.7, "yo": 0.36}
    # Half of the median of .6, .8, .7 and .36 is .325; yo's limit is half of the median of .29, .6, .7 and .8.
    assert far_below(means) == [("far below the others", "sw", 0.29, pytest.approx(0.325))]
    assert far_below(means | {"sw": 0.33}) == []


def test_too_few_languages_to_compare() -> None:
    assert far_below({"ar": 0.9, "en": 0.9, "sw": 0.0}) == []
    assert [flag.language for flag in far_below({"ar": 0.9, "en": 0.9, "fi": 0.9, "sw": 0.0})] == ["sw"]


def test_a_flag_is_stored_with_its_four_keys() -> None:
    flag = equal_vectors("sw", 1, 2)
    assert flag is not None
    assert flag.as_dict() == {"check": "equal vectors", "language": "sw", "seen": 0.5, "limit": 0.01}
    assert flag.check in CHECKS
    assert set(CHECKS) == {"not above random", "one document on top", "equal vectors", "far below the others"}


# --- in a run


def test_flags_of_a_run_reach_its_result_and_say_whether_they_were_expected(tmp_path: Path, constant: Any) -> None:
    from bench import api

    result = api.run(constant, "mini", ["ar", "en"], cache=tmp_path)
    checks = {(flag["language"], flag["check"]) for flag in result["flags"]}
    assert {(code, "equal vectors") for code in ("ar", "en")} <= checks
    assert {(code, "one document on top") for code in ("ar", "en")} <= checks
    assert {(code, "not above random") for code in ("ar", "en")} <= checks
    assert {flag["expected"] for flag in result["flags"]} == {False}
    for flag in result["flags"]:
        assert set(flag) == {"check", "language", "seen", "limit", "expected", "note"}
        assert flag["note"] is None


def test_a_card_that_expects_a_flag_is_not_surprised_by_it(tmp_path: Path) -> None:
    from bench import api

    result = api.run("bm25", "mini-x", ["ar", "th"], cache=tmp_path)
    assert {flag["expected"] for flag in result["flags"]} <= {True}
    assert api.run("bm25", "mini", ["ar", "th"], cache=tmp_path)["flags"] == []


@pytest.fixture
def constant() -> Any:
    return lambda texts: np.ones((len(texts), 4))
