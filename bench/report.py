"""What a run reports: the identity of what was measured, one block a language with its recipe, and the whole result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.adapters.dense import DenseRetriever
from bench.adapters.fusion import ReciprocalRankFusion
from bench.census import Census, PinState
from bench.collection import Qrels, Query
from bench.entry import Block, mean_of
from bench.files import digest
from bench.flags import Flag, equal_vectors, far_below, not_above_random, one_document_on_top
from bench.plan import Plan
from bench.provenance import hardware, now, versions
from bench.ranking import Run
from bench.retriever import Retriever
from bench.scores import Scores
from bench.store import Shard
from bench.watch import Watch

FORMAT = 1
PHASES = ("encode_documents", "encode_queries", "search", "score")


class Facts(NamedTuple):
    """What measuring one language has brought to light."""

    subset: str
    queries: Sequence[Query]
    qrels: Qrels
    run: Run
    scores: Scores | None
    census: Census
    pins: PinState
    retriever: Retriever
    watch: Watch


def identity_of(plan: Plan) -> dict[str, Any]:
    """Everything that makes the scores, as JSON; two results with one identity are the same measurement."""
    return {
        "task": plan.task_name,
        "split": plan.split,
        "data": f"{plan.task.source.name}@{plan.task.source.revision}",
        "model": plan.system.name,
        "system": plan.system.identity,
        "document_text": plan.task.document_text,
        "drop_query_id": plan.task.drop_query_id,
        "index": "exact",
    }


def block_of(plan: Plan, facts: Facts) -> Block:
    """One language's numbers with their recipe."""
    measured = {str(m): facts.scores.mean(m) if facts.scores else None for m in plan.measures}
    pool = facts.census.documents
    return measured | {
        "queries": facts.census.queries,
        "documents": pool,
        "judged": facts.census.judgments,
        "saturated": [str(m) for m in plan.measures if m.cutoff is not None and m.cutoff >= pool],
        "unanswered": len(facts.scores.missing) if facts.scores else None,
        "pins": facts.pins,
        "fingerprint": facts.census.fingerprint,
        "flags": [_flag(plan, flag) for flag in _flags(plan, facts)],
        "recipe": _recipe(plan, facts),
    }


def result_of(plan: Plan, blocks: Mapping[str, Block], notes: Sequence[str], entry: str | None) -> dict[str, Any]:
    """The object that `bench run --json` prints for one model and task."""
    measures = [str(m) for m in plan.measures]
    missing = [s for s in plan.subsets if s not in blocks]
    ordered = {s: blocks[s] for s in plan.subsets if s in blocks}
    recipes = [block["recipe"] for block in ordered.values()]
    result = {
        "format": FORMAT,
        "model": plan.system.name,
        "task": plan.task_name,
        "split": plan.split,
        "measures": measures,
        "main_measure": measures[0],
        "complete": not missing,
        "partial": f"{len(ordered)}/{len(plan.subsets)}",
        "missing": missing,
        "pins": _all_pins([block["pins"] for block in ordered.values()]),
        "sample": f"the first {plan.limit_docs} documents" if plan.limit_docs else None,
        "languages": {s: {k: v for k, v in b.items() if k not in ("recipe", "flags")} for s, b in ordered.items()},
        "mean": mean_of(ordered, measures, len(plan.subsets)),
        "k": plan.depth,
        "index": "exact",
        "identity": digest(identity_of(plan))[:8],
        "flags": [flag for block in ordered.values() for flag in block["flags"]] + _across(plan, ordered),
        "notes": list(notes) + _saturation(measures, ordered),
        "seconds": {p: round(sum(r["seconds"].get(p, 0.0) for r in recipes), 3) for p in PHASES},
        "vectors": {key: sum(r["vectors"][key] for r in recipes) for key in ("encoded", "reused")},
        "entry": entry,
    }
    if plan.task.cross_lingual:
        pairs = {s: {"query": plan.task.query_language(s), "document": plan.task.document_language(s)} for s in ordered}
        result["subsets"] = pairs
    return result


def _saturation(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    notes = []
    for measure in measures:
        full = [s for s, block in blocks.items() if measure in block["saturated"]]
        if full:
            notes.append(f"{measure} says nothing where its cut is not below the pool: {', '.join(full)}")
    return notes


def _all_pins(states: Sequence[PinState]) -> PinState:
    for state in ("differ", "unchecked"):
        if state in states:
            return state
    return "match"


def _across(plan: Plan, blocks: Mapping[str, Block]) -> list[dict[str, Any]]:
    main = str(plan.measures[0])
    means = {s: block[main] for s, block in blocks.items() if block[main] is not None}
    return [_flag(plan, flag) for flag in far_below(means)]


def _flags(plan: Plan, facts: Facts) -> list[Flag]:
    if facts.scores is None:
        return []
    main, subset = plan.measures[0], facts.subset
    found = [
        not_above_random(subset, main, facts.scores.values[main], facts.qrels, facts.census.documents),
        one_document_on_top(subset, facts.run, facts.qrels),
    ]
    for dense in _dense(facts.retriever):
        for shards in (dense.shards, dense.query_shards):
            found.append(equal_vectors(subset, sum(s.meta["equal"] for s in shards), sum(s.rows for s in shards)))
    return [flag for flag in found if flag]


def _flag(plan: Plan, flag: Flag) -> dict[str, Any]:
    """A flag as stored; it does not surprise where every card expects it, or none claims the language of the queries.

    A card's `expect` holds names of checks, or of checks `across languages` for tasks where queries and documents
    differ in language.
    """
    language = plan.task.query_language(flag.language)
    crossing = language != plan.task.document_language(flag.language)
    names = {flag.check, f"{flag.check} across languages"} if crossing else {flag.check}
    expected = bool(plan.system.cards) and all(
        names & set(card.expect) or (card.languages != "any" and language not in card.languages)
        for card in plan.system.cards
    )
    return flag.as_dict() | {"expected": expected}


def _dense(retriever: Retriever) -> list[DenseRetriever]:
    """The dense retrievers inside a retriever."""
    if isinstance(retriever, DenseRetriever):
        return [retriever]
    members = retriever.members if isinstance(retriever, ReciprocalRankFusion) else ()
    return [dense for member in members for dense in _dense(member)]


def _recipe(plan: Plan, facts: Facts) -> dict[str, Any]:
    dense = _dense(facts.retriever)
    shards = [shard for part in dense for shard in (*part.shards, *part.query_shards)]
    return {
        "data": {"source": plan.task.source.name, "revision": plan.task.source.revision},
        "document_text": plan.task.document_text,
        "k": plan.depth,
        "index": "exact",
        "seed": plan.seed,
        "encoders": [_encoder(part) for part in dense],
        "options": {"limit_docs": plan.limit_docs, "allow_unpinned": plan.allow_unpinned},
        "vectors": {"encoded": _rows(shards, reused=False), "reused": _rows(shards, reused=True)},
        "seconds": {phase: round(seconds, 3) for phase, seconds in facts.watch.seconds.items()},
        "peak_memory_mb": facts.watch.peak,
        "versions": versions(),
        "hardware": hardware(),
        "date": now(),
    }


def _rows(shards: Sequence[Shard], *, reused: bool) -> int:
    return sum(shard.rows for shard in shards if shard.reused == reused)


def _encoder(part: DenseRetriever) -> dict[str, Any]:
    """How the texts of both sides became vectors, and what the tokenizer said of them."""
    sides = {"query": part.query_shards, "document": part.shards}
    return {
        side: {
            "recipe": part.encoder.recipe(side),  # type: ignore[arg-type]
            "rendered": shards[0].meta["rendered"],
            "truncated": _share(shards, "truncated"),
            "unknown_tokens": _share(shards, "unknown", of="tokens"),
            "tokens": _sum(shards, "tokens"),
            "seconds": round(sum(shard.meta["seconds"] for shard in shards), 3),
            "environments": _distinct([shard.meta["environment"] for shard in shards]),
        }
        for side, shards in sides.items()
    }


def _sum(shards: Sequence[Shard], key: str) -> int | None:
    values = [shard.meta[key] for shard in shards]
    return None if None in values else sum(values)


def _share(shards: Sequence[Shard], key: str, of: str = "rows") -> float | None:
    part, whole = _sum(shards, key), _sum(shards, of)
    return None if part is None or not whole else part / whole


def _distinct(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [value for i, value in enumerate(values) if value not in values[:i]]
