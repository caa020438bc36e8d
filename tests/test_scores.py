"""Scores against a plain implementation of the published formulas, written without a look at the module."""

from __future__ import annotations

import math
import random
import struct

import pytest

from bench.collection import Qrels
from bench.errors import InputError
from bench.measure import Measure, parse_measures
from bench.ranking import Run, rank
from bench.scores import evaluate

CUTS = (1, 2, 3, 5, 10, 100)
NAMES = [f"{base}@{k}" for base in ("nDCG", "AP", "R", "P", "MRR", "Success", "Judged") for k in CUTS]
MEASURES = parse_measures([*NAMES, "AP", "RR", "Rprec", "bpref"])
IDS = ["9", "10", "10#2", "10#10", "z", "é", "天", "\uffff", "\U00010000", *(f"d{i}" for i in range(12))]
# Few enough to tie often; some differ as doubles and not as 32-bit numbers.
LEVELS = (1.0, 1.0 + 1e-10, 0.5, 0.5 - 1e-12, 0.0, -0.0, -3.25, 7.0)


def single(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def ordered(scores: dict[str, float]) -> list[str]:
    return sorted(scores, key=lambda doc: (single(scores[doc]), doc.encode("utf-8")), reverse=True)


def dcg(gains: list[int]) -> float:
    return sum(max(gain, 0) / math.log2(i + 1) for i, gain in enumerate(gains, start=1))


def bpref(found: list[str], labels: dict[str, int], level: int, relevant: int) -> float:
    negatives = sum(0 <= label < level for label in labels.values())
    above, total = 0, 0.0
    for doc in found:
        label = labels.get(doc, -1)
        if 0 <= label < level:
            above += 1
        elif label >= level:
            total += 1 - min(above, relevant) / min(negatives, relevant) if above else 1
    return total / relevant if relevant else 0.0


def expected(measure: Measure, found: list[str], labels: dict[str, int], level: int) -> float:
    """The value of one query by the definitions of trec_eval's manual; `found` is the whole ranking."""
    relevant = sum(label >= level for label in labels.values())
    top = found[: measure.cutoff]
    hits = [labels.get(doc, -1) >= level for doc in top]
    match measure.base:
        case "nDCG":
            ideal = dcg(sorted(labels.values(), reverse=True)[: measure.cutoff])
            return dcg([labels.get(doc, 0) for doc in top]) / ideal if ideal else 0.0
        case "AP":
            return (
                sum(sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit) / relevant if relevant else 0.0
            )
        case "R":
            return sum(hits) / relevant if relevant else 0.0
        case "P":
            return sum(hits) / (measure.cutoff or 1)
        case "RR" | "MRR":
            return 1 / (hits.index(True) + 1) if True in hits else 0.0
        case "Success":
            return float(any(hits))
        case "Rprec":
            return sum(hits[:relevant]) / relevant if relevant else 0.0
        case "bpref":
            return bpref(found, labels, level, relevant)
        case "Judged":
            return sum(doc in labels for doc in top) / len(top) if top else 0.0
    raise ValueError(measure)


def invented(generator: random.Random) -> tuple[dict[str, dict[str, float]], Qrels]:
    """Scores and labels of a few queries: ties, missing and ignored queries, labels from -2 to 3, some all negative."""
    results, qrels = {}, {}
    for query in (f"q{i}" for i in range(generator.randint(1, 6))):
        labels = generator.choice([(-2, -1, 0, 1, 2, 3), (0, 1), (0,), (-1,), (1,)])
        if generator.random() < 0.85:
            qrels[query] = {d: generator.choice(labels) for d in generator.sample(IDS, generator.randint(1, len(IDS)))}
        if generator.random() < 0.85:
            chosen = generator.sample(IDS, generator.randint(0, len(IDS)))
            results[query] = {d: generator.choice(LEVELS) for d in chosen}
    return results, qrels or {"q0": {"9": 1}}


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("depth", [None, 1, 4])
@pytest.mark.parametrize("only_retrieved", [False, True])
def test_every_measure_equals_its_definition(level: int, depth: int | None, only_retrieved: bool) -> None:
    generator = random.Random(f"{level} {depth} {only_retrieved}")
    for _ in range(80):
        results, qrels = invented(generator)
        run = {q: rank(list(s), list(s.values())) for q, s in results.items()}
        scores = evaluate(run, qrels, MEASURES, rel_level=level, depth=depth, only_retrieved=only_retrieved)
        counted = [q for q in sorted(qrels) if not only_retrieved or results.get(q)]
        assert scores.missing == tuple(q for q in sorted(qrels) if not results.get(q))
        assert scores.ignored == tuple(q for q in sorted(results) if q not in qrels)
        assert scores.queries == len(counted)
        for measure in MEASURES:
            wanted = {q: expected(measure, ordered(results.get(q, {}))[:depth], qrels[q], level) for q in counted}
            assert scores.values[measure] == pytest.approx(wanted, abs=1e-12), (measure, results, qrels)
            assert list(scores.values[measure]) == counted
            mean = sum(wanted.values()) / len(wanted) if wanted else 0.0
            assert scores.mean(measure) == pytest.approx(mean, abs=1e-12)


def test_queries_are_many_enough_for_several_portions() -> None:
    generator = random.Random(5)
    qrels: Qrels = {f"{i}": {generator.choice(IDS): 1, "other": 0} for i in range(1201)}
    results = {q: {d: generator.random() for d in generator.sample(IDS, 8)} for q in qrels if generator.random() < 0.9}
    run = {q: rank(list(s), list(s.values())) for q, s in results.items()}
    scores = evaluate(run, qrels, MEASURES)
    for measure in MEASURES:
        wanted = {q: expected(measure, ordered(results.get(q, {})), labels, 1) for q, labels in qrels.items()}
        assert scores.values[measure] == pytest.approx(wanted, abs=1e-12)


def test_a_cut_reciprocal_rank_of_one_query_is_not_the_uncut_one() -> None:
    # trec_eval keeps the last query's ranking: asking twice for the same query must not give the first answer again.
    run: Run = {"q": rank(["a", "b", "c"], [3, 2, 1])}
    scores = evaluate(run, {"q": {"c": 1}}, parse_measures(["RR,MRR@2,MRR@3"]))
    assert [scores.mean(m) for m in scores.values] == [1 / 3, 0.0, 1 / 3]


def test_labels_without_a_relevant_document_score_zero() -> None:
    run: Run = {"q": rank(["a"], [1.0]), "r": rank(["a"], [1.0])}
    scores = evaluate(run, {"q": {"a": -1, "b": -2}, "r": {"a": 0}}, MEASURES)
    judged = {m for m in MEASURES if m.base == "Judged"}
    assert all(scores.values[m] == {"q": 0.0, "r": 0.0} for m in MEASURES if m not in judged)
    assert all(scores.values[m] == {"q": 1.0, "r": 1.0} for m in judged)


@pytest.mark.parametrize("label", [2_000_000_000, -(10**12)])
def test_a_label_that_cannot_be_counted_is_refused(label: int) -> None:
    with pytest.raises(InputError) as caught:
        evaluate({"q": rank(["d"], [1.0])}, {"q": {"d": label}}, MEASURES)
    assert (
        str(caught.value) == f"query 'q', document 'd': the label must lie between -1000000 and 1000000, found {label}"
    )
