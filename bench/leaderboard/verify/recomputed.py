"""What can be wrong with numbers, found by computing them again: means from per-query scores, scores from runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.collection import Qrels
from bench.entry import Block, Entry
from bench.flags import Flag, not_above_random, one_document_on_top
from bench.leaderboard.verify.faults import Finding
from bench.measure import Measure
from bench.perquery import Row, digests_of
from bench.ranking import Run
from bench.scores import evaluate

EXACT = 1e-12
"""How far a recomputed value may be from the stored one: an order of summation, not a digit that anyone prints."""


def row_findings(entry: Entry, rows: Sequence[Row]) -> Iterator[Finding]:
    """What the per-query scores say of an entry: gaps, surplus, duplicates, values, means and digests."""
    yield from _rows_themselves(entry, rows)
    columns: dict[tuple[str, str], dict[str, float]] = {}
    sliced: dict[str, list[Row]] = {}
    for row in rows:
        if row.slice:
            sliced.setdefault(row.language, []).append(row)
        else:
            columns.setdefault((row.language, row.measure), {})[row.query] = row.value
    digests = digests_of(row for row in rows if math.isfinite(row.value))
    for subset, block in entry.languages.items():
        if not any(language == subset for language, _ in columns):
            yield "gap", f"{subset}: no per-query scores"
            continue
        yield from ((name, f"{subset}: {text}") for name, text in _means(entry, subset, block, columns))
        yield from ((name, f"{subset}: {text}") for name, text in _slices(block, sliced.get(subset, ())))
        if digests.get(subset, {}) != block["digests"]:
            theirs = block["digests"]
            off = sorted(m for m in {*theirs, *digests.get(subset, {})} if theirs.get(m) != digests[subset].get(m))
            yield "digest", f"{subset}: the per-query scores of {', '.join(off)} are not those that were written"


def _rows_themselves(entry: Entry, rows: Sequence[Row]) -> Iterator[Finding]:
    keys = Counter((row.language, row.measure, row.query, row.slice) for row in rows)
    twice = [key for key, count in keys.items() if count > 1]
    if twice:
        language, measure, query = twice[0][:3]
        yield "duplicate", f"{language}: {measure}: the query {query!r} stands there twice"
    for language in sorted({row.language for row in rows} - entry.languages.keys()):
        yield "surplus", f"{language}: per-query scores of a language that the entry does not have"
    for measure in sorted({row.measure for row in rows} - set(entry.measures)):
        yield "surplus", f"{measure}: per-query scores of a measure that the entry does not have"
    for row in rows:
        if not 0 <= row.value <= 1:
            yield "range", f"{row.language}: {row.measure}: query {row.query!r} has {row.value!r}, not in [0, 1]"
            return


def _means(
    entry: Entry, subset: str, block: Block, columns: Mapping[tuple[str, str], Mapping[str, float]]
) -> Iterator[Finding]:
    everyone = {query for (language, _), column in columns.items() if language == subset for query in column}
    if block["scored"] is not None and len(everyone) != block["scored"]:
        yield "gap", f"per-query scores of {len(everyone)} queries, {block['scored']} were scored"
    for measure in entry.measures:
        column = columns.get((subset, measure), {})
        stored = block.get(measure)
        if stored is None and column:
            yield "surplus", f"{measure}: per-query scores without a mean"
        elif stored is not None and not column:
            yield "gap", f"{measure}: no per-query scores"
        elif stored is not None:
            if len(column) < len(everyone):
                yield "gap", f"{measure}: no value for the query {min(everyone - column.keys())!r}"
            mean = math.fsum(column.values()) / len(column)
            if not abs(mean - stored) <= EXACT:
                yield "mean", f"{measure}: the entry says {stored!r}, its per-query scores give {mean!r}"


def _slices(block: Block, rows: Sequence[Row]) -> Iterator[Finding]:
    """`rows` are those of one language's slices."""
    columns: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        columns.setdefault((row.measure, row.slice), []).append(row.value)
    stored = {(measure, name): value for measure, row in block.get("slices", {}).items() for name, value in row.items()}
    for measure, name in sorted(stored.keys() | columns.keys()):
        column, value = columns.get((measure, name), []), stored.get((measure, name))
        mean = math.fsum(column) / len(column) if column else None
        if None in (mean, value) or abs(mean - value) > EXACT:  # type: ignore[operator]
            yield "mean", f"{measure}, {name}: the entry says {value!r}, its per-query scores give {mean!r}"


def flag_findings(entry: Entry, subset: str, rows: Sequence[Row], qrels: Qrels, run: Run | None) -> Iterator[Finding]:
    """Whether the flags are there that the scores, and the run where there is one, give."""
    block, main = entry.languages[subset], Measure.parse(entry.measures[0])
    values = {
        row.query: row.value for row in rows if (row.language, row.measure) == (subset, str(main)) and not row.slice
    }
    found: dict[str, Flag | None] = {}
    if values.keys() <= qrels.keys() and block["documents"]:
        found["not above random"] = not_above_random(subset, main, values, qrels, block["documents"])
    if run is not None:
        found["one document on top"] = one_document_on_top(subset, run, qrels)
    for check, flag in found.items():
        stored = next((f for f in block["flags"] if f["check"] == check), None)
        if flag and stored is None:
            yield "flag", f"{subset}: {check}: seen {flag.seen:.3f}, limit {flag.limit:.3f}, but it is not flagged"
        elif stored and flag is None:
            yield "flag", f"{subset}: {check}: flagged, but nothing of the kind is seen"


def run_findings(entry: Entry, subset: str, run: Run, qrels: Qrels, rows: Sequence[Row]) -> Iterator[Finding]:
    """Per-query scores that the run and the judgments do not give; measures that a cut run cannot give are left out."""
    block = entry.languages[subset]
    deepest = max((len(ranking.docs) for ranking in run.values()), default=0)
    if deepest > block["recipe"]["k"]:
        yield "run", f"{subset}: the run has {deepest} documents for a query, k is {block['recipe']['k']}"
    measures = recomputable(entry, block)
    scores = evaluate(run, qrels, measures)
    for measure in measures:
        own = (row for row in rows if (row.language, row.measure) == (subset, str(measure)) and not row.slice)
        stored = {row.query: row.value for row in own}
        off = _differing(stored, scores.values[measure])
        if off:
            seen, given = stored.get(off[0]), scores.values[measure].get(off[0])
            text = f"{measure}: {len(off)} queries, the first {off[0]!r}: stored {seen!r}, the run gives {given!r}"
            yield "run", f"{subset}: {text}"


def recomputable(entry: Entry, block: Mapping[str, Any]) -> list[Measure]:
    """The measures of a language that its stored run can give, which may hold less than what was retrieved."""
    recipe = block["recipe"]
    kept = recipe.get("kept", recipe["k"])
    measured = [Measure.parse(name) for name in entry.measures if block.get(name) is not None]
    whole = [m for m in measured if m.tokens is None]
    return [m for m in whole if (kept >= recipe["k"] if m.cutoff is None else m.cutoff <= kept)]


def _differing(stored: Mapping[str, float], given: Mapping[str, float]) -> list[str]:
    queries = sorted(stored.keys() | given.keys())
    return [q for q in queries if q not in stored or q not in given or not abs(stored[q] - given[q]) <= EXACT]
