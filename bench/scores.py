"""Scores of a run: one value per query and measure, by trec_eval's rules; means are derived from them.

`evaluate` opens no file. A query of the qrels that the run lacks scores 0 and counts (trec_eval -c); a query of the
run without qrels is ignored. pytrec_eval (trec_eval 9) does the arithmetic, but for AP over whole rankings: pytrec_eval
wants one Python object per retrieved document, and AP may ask for millions of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.collection import Qrels
from bench.errors import InputError
from bench.measure import Measure
from bench.ranking import Ranking, Run

# Queries handed to pytrec_eval at once; with its object per document this bounds memory.
_CHUNK = 500

# trec_eval keeps one counter per label from 0 to a query's highest.
_MAX_LABEL = 1_000_000

_WHOLE_AP = Measure("AP")


Slices = dict[Measure, dict[str, dict[str, float]]]
"""Measure -> slice -> query -> value."""


@dataclass(frozen=True)
class Scores:
    """Per-query values of one run.

    `values[measure][query]` lies in [0, 1], queries in the order of their ids; `missing` are the queries of the qrels
    that the run had no result for, `ignored` those of the run that have no qrels. `slices` are the values by groups of
    the relevant documents, where any were asked for (`bench.slices`).
    """

    values: dict[Measure, dict[str, float]]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]
    slices: Slices = field(default_factory=dict, kw_only=True)

    @property
    def queries(self) -> int:
        """The number of queries that every mean divides by."""
        return len(next(iter(self.values.values()), {}))

    def mean(self, measure: Measure) -> float:
        """The mean over the queries."""
        return mean(self.values[measure])


def mean(column: Mapping[str, float]) -> float:
    """The unweighted mean over the queries of a column, exactly rounded; 0 where there are none."""
    return math.fsum(column.values()) / len(column) if column else 0.0


def evaluate(
    run: Run,
    qrels: Qrels,
    measures: Sequence[Measure],
    *,
    rel_level: int = 1,
    only_retrieved: bool = False,
    depth: int | None = None,
) -> Scores:
    """Score a run whose rankings are in the order of `bench.ranking`.

    `rel_level` is the smallest label that counts as relevant for binary measures (trec_eval -l), `depth` cuts every
    ranking first (-M), `only_retrieved` leaves queries out that the run lacks (trec_eval's default, without -c).
    InputError names a label that is too far from 0 to be counted, or a measure that labels do not give.
    """
    refuse_without_answers(measures)
    missing = tuple(sorted(q for q in qrels if not (q in run and run[q].docs)))
    ignored = tuple(sorted(q for q in run if q not in qrels))
    wanted = sorted(set(qrels) - set(missing) if only_retrieved else qrels)
    values: dict[Measure, dict[str, float]] = {m: {} for m in measures}
    for chunk in _chunks(wanted):
        rankings = {q: _cut(run[q], depth) for q in chunk if q in run and run[q].docs}
        judged = {q: _countable(q, qrels[q]) for q in chunk}
        for measure in (m for m in measures if m == _WHOLE_AP):
            values[measure].update({q: _whole_ap(rankings.get(q), judged[q], rel_level) for q in chunk})
        for cut, group in _by_cut(measures).items():
            part = {q: _cut(r, cut) for q, r in rankings.items()}
            computed = _trec_eval(part, judged, group, rel_level)
            for measure in group:
                values[measure].update({q: computed.get(q, {}).get(measure, 0.0) for q in chunk})
        for measure in (m for m in measures if m.base in OWN_FORMULAS):
            formula = OWN_FORMULAS[measure.base]
            for query in chunk:
                docs = rankings[query].docs[: measure.cutoff] if query in rankings else []
                values[measure][query] = formula(docs, judged[query], rel_level)
    return Scores(values, missing, ignored)


def merged(parts: Sequence[Scores]) -> Scores:
    """The scores of some queries each as those of all; no query is in two of them, and all have the same measures."""
    values = {m: dict(sorted(q for part in parts for q in part.values[m].items())) for m in parts[0].values}
    slices = {
        m: {name: dict(sorted(q for p in parts for q in p.slices[m].get(name, {}).items())) for name in names}
        for m, names in parts[0].slices.items()
    }
    missing, ignored = ({q for part in parts for q in getattr(part, key)} for key in ("missing", "ignored"))
    return Scores(values, tuple(sorted(missing)), tuple(sorted(ignored)), slices=slices)


def refuse_without_answers(measures: Iterable[Measure]) -> None:
    """InputError for a measure that needs answers and texts, where there are only labels."""
    for measure in measures:
        if measure.tokens is not None:
            raise InputError(
                f"measure '{measure}' needs the answers to the questions and the texts of the passages: a run and "
                "qrels do not have them; bench run --task xor-retrieve computes it"
            )


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def _countable(query: str, labels: dict[str, int]) -> dict[str, int]:
    for doc, label in labels.items():
        if abs(label) > _MAX_LABEL:
            limits = f"between {-_MAX_LABEL} and {_MAX_LABEL}"
            raise InputError(f"query {query!r}, document {doc!r}: the label must lie {limits}, found {label}")
    return labels


def _cut(ranking: Ranking, depth: int | None) -> Ranking:
    return ranking if depth is None else Ranking(ranking.docs[:depth], ranking.scores[:depth])


def _by_cut(measures: Iterable[Measure]) -> dict[int | None, list[Measure]]:
    """Measures of trec_eval by how much of a ranking they look at.

    Only MRR@k needs the cut, trec_eval's recip_rank having none; the others are spared what they do not look at.
    """
    groups: dict[int | None, list[Measure]] = {}
    for measure in measures:
        if measure.trec_name is not None and measure != _WHOLE_AP:
            groups.setdefault(measure.cutoff, []).append(measure)
    return groups


def average_precision(ranks: Iterable[int], relevant: int) -> float:
    """The mean over `relevant` documents of the precision at the rank of each, 0 for those without a rank.

    `ranks` count from 1 and ascend. Summed in trec_eval's order (m_map.c), so equal to it bit by bit.
    """
    total = 0.0
    for found, rank in enumerate(ranks, start=1):
        total += found / rank  # Not sum(): from Python 3.12 on it compensates.
    return total / relevant if relevant else 0.0


def _whole_ap(ranking: Ranking | None, labels: dict[str, int], level: int) -> float:
    relevant = {doc for doc, label in labels.items() if label >= level}
    docs = ranking.docs if ranking else []
    return average_precision((rank for rank, doc in enumerate(docs, start=1) if doc in relevant), len(relevant))


def _trec_eval(rankings: Run, qrels: Qrels, measures: Sequence[Measure], level: int) -> dict[str, dict[Measure, float]]:
    import pytrec_eval

    names = {m: str(m.trec_name) for m in measures}
    # trec_eval writes outside its memory for a query whose labels are all negative; such a query scores 0 anyway.
    counted = {q: labels for q, labels in qrels.items() if any(label >= 0 for label in labels.values())}
    evaluator = pytrec_eval.RelevanceEvaluator(counted, set(names.values()), relevance_level=level)
    run = {q: dict(zip(r.docs, r.scores.tolist(), strict=True)) for q, r in rankings.items()}
    results = evaluator.evaluate(run)
    return {q: {m: row[name.replace(".", "_")] for m, name in names.items()} for q, row in results.items()}


def _judged(docs: Sequence[str], labels: dict[str, int], level: int) -> float:
    return sum(doc in labels for doc in docs) / len(docs) if docs else 0.0


OWN_FORMULAS: dict[str, Callable[[Sequence[str], dict[str, int], int], float]] = {
    "Judged": _judged,
}
"""Measures that trec_eval lacks, by base name: from the first k documents, the labels and the smallest relevant one."""
