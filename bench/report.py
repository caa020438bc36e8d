"""What a run reports: the identity of what was measured, and one block a language with its recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.adapters.bm25 import BM25
from bench.adapters.compact import CompactEncoder
from bench.adapters.encoded import EncodedCorpus, Encodes
from bench.answer_recall import AnswerScores
from bench.census import Census, PinState
from bench.collection import Qrels, Query
from bench.entry import Block
from bench.expected import expected_checks
from bench.flags import Flag, equal_vectors, not_above_random, one_document_on_top, refuse_impossible
from bench.plan import Plan
from bench.provenance import hardware, now, versions
from bench.ranking import Run
from bench.retriever import Retriever, Staged, index_bytes, parts
from bench.sample import Sampled
from bench.scores import Scores, mean
from bench.store import Shard
from bench.summary import result_of
from bench.watch import Watch

__all__ = ["Facts", "block_of", "encoded_parts", "identity_of", "result_of"]


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
    sample: Sampled | None = None
    latency: dict[str, Any] | None = None
    approximate: dict[str, Any] | None = None
    distances: Sequence[dict[str, Any]] = ()


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
        "index": str(plan.index) if plan.index else "exact",
    } | ({"sample": plan.sample.as_dict()} if plan.sample else {})


def block_of(plan: Plan, facts: Facts) -> Block:
    """One language's numbers with their recipe."""
    known = facts.scores.values if facts.scores else {}
    refuse_impossible(f"{plan.task_name}, {facts.subset}", known)
    measured = {str(m): facts.scores.mean(m) if facts.scores and known.get(m) else None for m in plan.measures}
    pool = facts.census.documents
    expected = expected_checks(plan.task, plan.system.cards, facts.subset)
    return measured | {
        "queries": facts.census.queries,
        "scored": facts.scores.queries if facts.scores else None,
        "documents": pool,
        **({"sample": {"of": facts.sample.of, "kept": facts.sample.kept}} if facts.sample else {}),
        "judged": facts.census.judgments,
        **_answered(facts.scores),
        **_sliced(facts.scores),
        "saturated": [str(m) for m in known if m.cutoff is not None and m.cutoff >= pool],
        "unanswered": len(facts.scores.missing) if facts.scores else None,
        "pins": facts.pins,
        "fingerprint": facts.census.fingerprint,
        "flags": [flag.as_dict() | {"expected": flag.check in expected} for flag in _flags(plan, facts)],
        **({"note": plan.note} if plan.note else {}),
        "recipe": _recipe(plan, facts) | {"expected_flags": expected},
    }


def _answered(scores: Scores | None) -> dict[str, Any]:
    """What a block says beside the values where answers gave them."""
    if not isinstance(scores, AnswerScores):
        return {}
    return {"counted": scores.counted, "short": {str(m): count for m, count in scores.short.items()}}


def _sliced(scores: Scores | None) -> dict[str, Any]:
    """The means of the slices, by measure; over the queries that have a relevant document in the slice."""
    if scores is None or not scores.slices:
        return {}
    return {
        "slices": {
            str(measure): {name: mean(column) for name, column in slices.items()}
            for measure, slices in scores.slices.items()
        }
    }


def _flags(plan: Plan, facts: Facts) -> list[Flag]:
    if facts.scores is None:
        return []
    main, subset = plan.measures[0], facts.subset
    found = [
        not_above_random(subset, main, facts.scores.values.get(main, {}), facts.qrels, facts.census.documents),
        one_document_on_top(subset, facts.run, facts.qrels),
    ]
    for encoded in encoded_parts(facts.retriever):
        for shards in (encoded.shards, encoded.query_shards):
            found.append(equal_vectors(subset, sum(s.meta["equal"] for s in shards), sum(s.rows for s in shards)))
    return [flag for flag in found if flag]


def encoded_parts(retriever: Retriever) -> list[EncodedCorpus]:
    """What was encoded for a retriever and for those that it is made of."""
    return [part.encoded for part in parts(retriever) if isinstance(part, Encodes)]


def _recipe(plan: Plan, facts: Facts) -> dict[str, Any]:
    encoded = encoded_parts(facts.retriever)
    shards = [shard for part in encoded for shard in (*part.shards, *part.query_shards)]
    language = plan.task.document_language(facts.subset)
    return {
        "data": {"source": plan.task.source.name, "revision": plan.task.source.revision},
        "languages": {
            "query": plan.task.query_language(facts.subset),
            "document": language,
        },
        "document_text": plan.task.document_text,
        "k": plan.depth,
        "kept": plan.kept,
        "index": str(plan.index) if plan.index else "exact",
        **({"approximate": facts.approximate} if facts.approximate else {}),
        **_compact(encoded),
        "seed": plan.seed,
        "encoders": [_encoder(part) for part in encoded],
        **({"distances": list(facts.distances)} if facts.distances else {}),
        "weights": [weights.stored for weights in plan.system.weights],
        "lexical": [part.signature(language) for part in parts(facts.retriever) if isinstance(part, BM25)],
        "stages": [part.stage() for part in parts(facts.retriever) if isinstance(part, Staged)],
        "options": {
            "limit_docs": plan.limit_docs,
            "drop_self": plan.drop_self,
            "allow_unpinned": plan.allow_unpinned,
            "shard_size": plan.shard_size,
        },
        "vectors": {"encoded": _rows(shards, reused=False), "reused": _rows(shards, reused=True)},
        "seconds": {phase: round(seconds, 3) for phase, seconds in facts.watch.seconds.items()},
        "peak_memory_mb": facts.watch.peak,
        "index_bytes": index_bytes(facts.retriever),
        "latency_ms": facts.latency,
        **_engine(encoded),
        "versions": versions(),
        "hardware": hardware(),
        "date": now(),
    } | ({"tokenizer": facts.scores.tokenizer.as_dict()} if isinstance(facts.scores, AnswerScores) else {})


def _compact(encoded: Sequence[EncodedCorpus]) -> dict[str, Any]:
    """How vectors are stored and what is known of it, a line a model, where that is not float32."""
    kinds = [part.encoder for part in encoded if isinstance(part.encoder, CompactEncoder)]
    rows = [{"vectors": str(kind.compact), "trained": kind.trained} for kind in kinds]
    return {"compact": rows} if rows else {}


def _engine(encoded: Sequence[EncodedCorpus]) -> dict[str, Any]:
    """Who encoded and searched, where it was not this process alone."""
    described = [found for part in encoded if (found := part.engine.described())]
    return {"engine": described[0]} if described else {}


def _rows(shards: Sequence[Shard], *, reused: bool) -> int:
    return sum(shard.rows for shard in shards if shard.reused == reused)


def _encoder(part: EncodedCorpus) -> dict[str, Any]:
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
            **_spent(shards),
            **_halved(shards),
        }
        for side, shards in sides.items()
    }


def _spent(shards: Sequence[Shard]) -> dict[str, Any]:
    """What an endpoint asked for these vectors, by unit, whenever they were made; nothing for other encoders."""
    bills = [shard.meta["spent"] for shard in shards if "spent" in shard.meta]
    units = dict.fromkeys(unit for bill in bills for unit in bill)
    return {"spent": {unit: sum(bill.get(unit, 0) for bill in bills) for unit in units}} if bills else {}


def _halved(shards: Sequence[Shard]) -> dict[str, int]:
    """How often a batch was cut in half because the memory was full; nothing where it never was."""
    times = sum(shard.meta.get("halved", 0) for shard in shards)
    return {"halved": times} if times else {}


def _sum(shards: Sequence[Shard], key: str) -> int | None:
    values = [shard.meta[key] for shard in shards]
    return None if None in values else sum(values)


def _share(shards: Sequence[Shard], key: str, of: str = "rows") -> float | None:
    part, whole = _sum(shards, key), _sum(shards, of)
    return None if part is None or not whole else part / whole


def _distinct(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [value for i, value in enumerate(values) if value not in values[:i]]
