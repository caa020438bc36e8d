"""What a run would cost on this machine: documents, tokens, disk, memory, time by phase, money and energy.

Every figure that is measured has a range: the low end takes the fastest window of the probe and the shortest texts that
90 % of samples would show, the high end the slowest and the longest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from bench.budget import TABLES, fitted, load_later, refuse_without_room
from bench.collection import Source
from bench.encoding import Side
from bench.errors import BenchError, MissingError
from bench.footprint import Glimpse, Rows, bytes_of, disk, glimpse, memory
from bench.headstart import Headstart, headstart
from bench.loaders import open_source
from bench.machine import free_disk, free_memory, total_memory
from bench.places import shipped
from bench.plan import Plan
from bench.probe import Probe, probe
from bench.provenance import hardware, now
from bench.registry import Registry
from bench.span import ZERO, Span
from bench.workdir import workdir

RANGE = (
    "low and high are those of the fastest and the slowest window of the probe, times the mean length of a text at the "
    "ends of its 90 % interval (1.645 standard errors); the parts are added end by end. A machine that is busier, "
    "warmer or slower on the day than during the probe is not in it"
)
_AMONG = 4096  # First documents that the probe is drawn from.
_Z = 1.645
_ALL = (1.0, 1.0)
_PHASES = ("load", "encode_documents", "encode_queries", "index", "rewrite", "search", "rerank")


@dataclass(frozen=True)
class Price:
    """What an hour of this machine costs and draws; None where nobody says."""

    per_hour: float | None = None
    currency: str = "USD"
    watts: float | None = None


def forecast(plan: Plan, price: Price, documents: int = 320, queries: int = 256) -> dict[str, Any]:
    """What the plan would cost, as `bench plan --json` prints it, after a probe of so many documents and questions.

    Nothing is downloaded: a language whose files are not here is reckoned from its card, with the texts of `mini`.
    MissingError where neither files nor a card tell how many documents there are. Nothing of the probe is kept.
    """
    notes: list[str] = []
    local = replace(plan, places=replace(plan.places, offline=True))
    sources = _sources(local, notes)
    glimpses = {s: glimpse(local, s, sources[s], among=_AMONG) for s in sources}
    glimpses = {s: glimpses.get(s) or _unseen(local, s) for s in plan.languages}
    there = {s: headstart(local, s, sources[s], glimpses[s]) for s in sources}
    load_later()
    with workdir(plan.places.cache) as folder:
        probed = probe(plan, glimpses, documents, queries, folder)
    units = _Units(plan, glimpses)
    left = {s: there[s].left(g.queries) if s in there else _ALL for s, g in glimpses.items()}
    seconds = _seconds(units, glimpses, probed, left)
    rows = Rows(plan)
    return {
        "format": 1,
        "model": plan.system.name,
        "task": plan.task_name,
        "split": plan.split,
        "languages": {s: _language(plan, s, g, units, there.get(s), s in sources) for s, g in glimpses.items()},
        "documents": sum(g.documents for g in glimpses.values()),
        "queries": sum(g.queries for g in glimpses.values()),
        "tokens": _tokens(units, glimpses),
        "disk": _disk(plan, glimpses, rows, there),
        "memory": _memory(plan, glimpses, probed, rows),
        "seconds": {phase: _rounded(span) for phase, span in seconds.items()},
        "seconds_from_nothing": _rounded(_seconds(units, glimpses, probed, dict.fromkeys(glimpses, _ALL))["total"]),
        **_cost(seconds["total"], price),
        **_spent(glimpses, probed, left),
        "range": RANGE,
        "probe": _probed(probed, units),
        "machine": hardware(),
        "date": now(),
        "refused": _refused(plan, glimpses, probed.held),
        "notes": notes,
    }


def _sources(plan: Plan, notes: list[str]) -> dict[str, Source]:
    """The sources of the languages that are here."""
    found: dict[str, Source] = {}
    for subset in plan.languages:
        try:
            found[subset] = open_source(plan.task, subset, plan.split, plan.places)
        except MissingError as error:
            if plan.task.languages[subset].documents is None:
                raise
            notes.append(f"{subset}: reckoned from the card alone, with texts of mini: {error}")
    return found


def _unseen(plan: Plan, subset: str) -> Glimpse:
    """A language that is not here, as its card counts it, with the texts of `mini`, English ones where it has none."""
    row, language = plan.task.pinned(subset, plan.split), plan.task.document_language(subset)
    mini = Registry().task("mini")

    def few(code: str) -> Glimpse:
        subset = code if (shipped("tasks") / "mini" / f"{code}.jsonl").is_file() else "en"
        there = replace(plan, task=mini, split=mini.split, limit_docs=None)
        return glimpse(there, subset, open_source(mini, subset, mini.split, plan.places))

    documents, asked = few(language), few(plan.task.query_language(subset)).asked
    count = min(row.documents or 0, plan.limit_docs or row.documents or 0)
    return Glimpse(language, count, row.queries or 0, False, documents.texts, asked, documents.reading)


class _Units:
    """The length of texts in what their cost goes by: tokens, or characters for a model that does not count."""

    def __init__(self, plan: Plan, glimpses: Mapping[str, Glimpse]) -> None:
        self._encoder = next(iter(plan.system.encoders), None)
        first = next(iter(glimpses.values())).texts[:1]
        self.name = "tokens" if self._encoder and self._encoder.count_tokens(first, "document") else "characters"
        self.documents = {s: self._mean(g.texts, "document", g.documents) for s, g in glimpses.items()}
        self.queries = {s: self._mean(g.asked, "query", g.queries) for s, g in glimpses.items()}

    def lengths(self, texts: Sequence[str], side: Side) -> list[int]:
        """The length of each."""
        if not texts:
            return []
        count = self._encoder.count_tokens(texts, side) if self._encoder and self.name == "tokens" else None
        return [int(n) for n in count.lengths] if count else [len(text) for text in texts]

    def _mean(self, texts: Sequence[str], side: Side, of: int) -> Span:
        """The mean length of a text, from some of so many; no error is left where all were looked at."""
        lengths = self.lengths(texts, side)
        if not lengths:
            return ZERO
        mean, count = fmean(lengths), len(lengths)
        unseen = max(0.0, (of - count) / (of - 1)) if of > 1 else 0.0
        error = _Z * stdev(lengths) / math.sqrt(count) * math.sqrt(unseen) if count > 1 else 0.0
        return Span(max(0.0, mean - error), mean, mean + error)


def _rate(probed: Probe, phase: str, amounts: Sequence[float]) -> Span:
    """Seconds of a phase for a unit of what it works on, which differs by window."""
    pairs = [(w.seconds.get(phase, 0.0), n) for w, n in zip(probed.windows, amounts, strict=True) if n]
    whole = sum(n for _, n in pairs)
    return Span.of([s / n for s, n in pairs], sum(s for s, _ in pairs) / whole if whole else None)


def _seconds(
    units: _Units, glimpses: Mapping[str, Glimpse], probed: Probe, left: Mapping[str, tuple[float, float]]
) -> dict[str, Span]:
    """The seconds of each phase where these shares of documents and of questions are left to be encoded."""
    windows = probed.windows
    document = _rate(probed, "encode_documents", [sum(units.lengths(w.documents, "document")) for w in windows])
    query = _rate(probed, "encode_queries", [sum(units.lengths(w.queries, "query")) for w in windows])
    indexed = _rate(probed, "index", [len(w.documents) for w in windows])
    found = dict.fromkeys(_PHASES, ZERO) | {"load": Span.of([probed.load])}
    for subset, seen in glimpses.items():
        n, q = seen.documents, seen.queries
        documents, questions = left[subset]
        _add(found, "encode_documents", document.by(units.documents[subset]).times(n * documents))
        _add(found, "encode_queries", query.by(units.queries[subset]).times(q * questions))
        _add(found, "index", Span.of([seen.reading * n]))
        if probed.paces:
            for pace in probed.paces:
                _add(found, "index", Span.of(pace.index).times(n))
                _add(found, "search", Span.of(pace.search).times(n * q))
        else:
            _add(found, "index", indexed.times(n))
            per_pair = [len(w.documents) * len(w.queries) for w in windows]
            _add(found, "search", _rate(probed, "search", per_pair).times(n * q))
        asked = [len(w.queries) for w in windows]
        _add(found, "rewrite", _rate(probed, "rewrite", asked).times(q))
        _add(found, "rerank", _rate(probed, "rerank", asked).times(q * probed.depth))
    found = {phase: span for phase, span in found.items() if span.high}
    total = ZERO
    for span in found.values():
        total = total.plus(span)
    return found | {"total": total}


def _add(found: dict[str, Span], phase: str, span: Span) -> None:
    found[phase] = found[phase].plus(span)


def _language(
    plan: Plan, subset: str, seen: Glimpse, units: _Units, there: Headstart | None, here: bool
) -> dict[str, Any]:
    return {
        "documents": seen.documents,
        "documents_from": "counted" if seen.counted else "sample" if plan.limit_docs else "card",
        "queries": seen.queries,
        "texts_from": "corpus" if here else "mini",
        units.name: _rounded(units.documents[subset].times(seen.documents)),
        "shards": -(-seen.documents // plan.shard_size) if plan.system.encoders else 0,
        "store": {"there": there.there, "looked_at": there.looked_at, "of": there.of} if there else None,
        "questions_in_store": round(there.questions) if there else None,
    }


def _tokens(units: _Units, glimpses: Mapping[str, Glimpse]) -> dict[str, Any] | None:
    if units.name != "tokens":
        return None
    spans = {"documents": ZERO, "queries": ZERO}
    for subset, seen in glimpses.items():
        spans["documents"] = spans["documents"].plus(units.documents[subset].times(seen.documents))
        spans["queries"] = spans["queries"].plus(units.queries[subset].times(seen.queries))
    return {name: _rounded(span) for name, span in spans.items()}


def _disk(plan: Plan, glimpses: Mapping[str, Glimpse], rows: Rows, there: Mapping[str, Headstart]) -> dict[str, Any]:
    """What the vectors take; of those with the same recipes only what can be of these texts counts as there."""
    extents = {subset: (seen.documents, seen.queries) for subset, seen in glimpses.items()}
    kept = disk(plan, extents, {subset: seen.texts[:32] for subset, seen in glimpses.items()}, rows)
    free = free_disk(plan.places.cache)
    if kept is None:
        return {"vectors": None, "there": None, "work": None, "new": None, "free": free}
    held = {s: (g.documents * there[s].stored, there[s].questions) for s, g in glimpses.items() if s in there}
    most = bytes_of(plan, held, rows)
    kept = replace(kept, there=min(kept.there, round(most)))
    return {"vectors": kept.vectors, "there": kept.there, "work": kept.work, "new": kept.new, "free": free}


def _memory(plan: Plan, glimpses: Mapping[str, Glimpse], probed: Probe, rows: Rows) -> dict[str, Any]:
    """What the language that takes most takes, with the usual blocks and with the smallest."""
    needs = {subset: memory(plan, subset, seen, probed.held + TABLES, rows) for subset, seen in glimpses.items()}
    worst = max(needs, key=lambda subset: needs[subset].least)
    need = needs[worst]
    usual = need.held + max(sum(need.encoding.values()), sum(need.searching.values()) + plan.memory)
    return {
        "language": worst,
        "process_and_models": need.held,
        "encoding": need.encoding,
        "searching": need.searching,
        "least": need.least,
        "at_most": usual,
        "machine": total_memory(),
        "available": free_memory(),
    }


def _cost(total: Span, price: Price) -> dict[str, Any]:
    hours, found = total.times(1 / 3600), dict[str, Any]()
    if price.per_hour is not None:
        money = {"per_hour": price.per_hour, "currency": price.currency}
        found["price"] = money | _rounded(hours.times(price.per_hour))
    if price.watts is not None:
        found["energy"] = {"watts": price.watts, "unit": "kWh"} | _rounded(hours.times(price.watts / 1000))
    return found


def _spent(glimpses: Mapping[str, Glimpse], probed: Probe, left: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """What endpoints ask for all texts, by unit, if they ask for each what they asked for those of the probe."""
    texts = {
        "document": sum(seen.documents * left[subset][0] for subset, seen in glimpses.items()),
        "query": sum(seen.queries * left[subset][1] for subset, seen in glimpses.items()),
    }
    spent: dict[str, float] = {}
    for side, bill in probed.spent.items():
        for unit, amount in bill.items():
            spent[unit] = spent.get(unit, 0.0) + amount * texts[side]
    return {"spent": spent} if spent else {}


def _probed(probed: Probe, units: _Units) -> dict[str, Any]:
    windows: list[dict[str, Any]] = [
        {
            "documents": len(window.documents),
            "queries": len(window.queries),
            units.name: sum(units.lengths(window.documents, "document")),
            "seconds": {phase: round(seconds, 4) for phase, seconds in window.seconds.items()},
        }
        for window in probed.windows
    ]
    sums = {key: sum(window[key] for window in windows) for key in ("documents", "queries", units.name)}
    return sums | {"load_seconds": round(probed.load, 3), "windows": windows, "environments": probed.environments}


def _refused(plan: Plan, glimpses: Mapping[str, Glimpse], held: int) -> str | None:
    """Why a run with these limits would not begin, None where it would."""
    try:
        refuse_without_room(plan, {}, glimpses)
        fitted(plan, glimpses, held)
    except BenchError as error:
        return str(error)
    return None


def _rounded(span: Span) -> dict[str, float]:
    return {name: round(value, 4 if value < 100 else 1) for name, value in span._asdict().items()}
