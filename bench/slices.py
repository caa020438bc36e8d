"""Slices: a measure told apart by groups of the relevant documents, such as the language that they are in.

The value of a query for a slice is that of the measure where the relevant documents of the slice alone are relevant,
and the other relevant ones are taken out of the ranking: to find them was no mistake. A query without a relevant
document in the slice has no value there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set

import numpy as np

from bench.collection import Qrels
from bench.measure import Measure
from bench.ranking import Ranking, Run
from bench.scores import Slices, average_precision, evaluate

_BySlice = dict[str, dict[str, float]]


def sliced(run: Run, qrels: Qrels, slices: Mapping[str, str], measures: Sequence[Measure]) -> Slices:
    """The values of each measure by slice and query, queries in the order of their ids.

    A query that the run lacks scores 0. `slices` has the slice of every relevant document (label 1 and above) and gives
    their order; a relevant document that it lacks is in none.
    """
    # AP looks at whole rankings, and a copy of each for every slice would take minutes.
    return {
        measure: _average_precisions(run, qrels, slices)
        if measure == Measure("AP")
        else {name: _evaluated(run, qrels, slices, name, measure) for name in dict.fromkeys(slices.values())}
        for measure in measures
    }


def _evaluated(run: Run, qrels: Qrels, slices: Mapping[str, str], name: str, measure: Measure) -> dict[str, float]:
    """A slice as a run and qrels of its own."""
    own = {query: kept for query, labels in qrels.items() if (kept := _own(labels, slices, name))}
    left = {query: _without(run[query], qrels[query].keys() - own[query].keys()) for query in own if query in run}
    return evaluate(left, own, [measure]).values[measure]


def _own(labels: Mapping[str, int], slices: Mapping[str, str], name: str) -> dict[str, int]:
    """The relevant documents of a slice with all that are judged not relevant; nothing without the former."""
    kept = {doc: label for doc, label in labels.items() if label < 1 or slices.get(doc) == name}
    return kept if any(label > 0 for label in kept.values()) else {}


def _without(ranking: Ranking, docs: Set[str]) -> Ranking:
    keep = [place for place, doc in enumerate(ranking.docs) if doc not in docs]
    return Ranking([ranking.docs[place] for place in keep], ranking.scores[np.array(keep, dtype=np.intp)])


def _average_precisions(run: Run, qrels: Qrels, slices: Mapping[str, str]) -> _BySlice:
    """AP by slice and query from the ranks of the relevant documents: each moves up by those taken out above it."""
    values: _BySlice = {name: {} for name in dict.fromkeys(slices.values())}
    for query in sorted(qrels):
        relevant = {doc: slices.get(doc) for doc, label in qrels[query].items() if label > 0}
        docs = run[query].docs if query in run else []
        places = [(rank, relevant[doc]) for rank, doc in enumerate(docs, start=1) if doc in relevant]
        for name, count in Counter(relevant.values()).items():
            if name is not None:
                values[name][query] = average_precision(_moved_up(places, name), count)
    return values


def _moved_up(places: Sequence[tuple[int, str | None]], name: str) -> list[int]:
    """The ranks of a slice's documents among those that stay; `places` has rank and slice of all relevant ones."""
    ranks: list[int] = []
    for above, (rank, other) in enumerate(places):
        if other == name:
            ranks.append(rank - (above - len(ranks)))
    return ranks
