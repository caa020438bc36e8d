"""How long one query takes: single queries, one after the other, on the index of a run that is over.

Queries are encoded afresh, for a vector from the store says nothing of a model's speed. What is measured changes no
result and is in no phase of the run but its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from bench.adapters.encoded import EncodedCorpus, Encodes
from bench.collection import Query
from bench.errors import BenchError
from bench.retriever import Asks, Retriever, index_bytes, parts
from bench.watch import Watch

QUERIES = 20
"""Queries that are timed at most, drawn with the seed of the run, after one that is not."""

BUDGET_S = 2.0
"""No further query is begun after so long; a run has as many budgets as languages."""

_READ_AT_ONCE = 4 << 30  # Bytes that are read from memory or a fast disk within the budget.
_BY_QUERY = ("rerank", "feedback")  # Phases whose time is that of a query times their number.


def query_latency(
    retriever: Retriever,
    queries: Sequence[Query],
    k: int,
    watch: Watch,
    *,
    seed: int,
    asked: bool | None = None,
    unresolved: bool = False,
) -> dict[str, Any]:
    """`p50` and `p95` in milliseconds over so many `queries`, as JSON; both null, with `why`, where nothing was timed.

    `asked` None times what costs little: no model is loaded for it and no user's own object is called for it
    (`unresolved`). An endpoint is never timed: what it was asked before is answered from disk.
    """
    why = _refusal(retriever, queries, asked) or (None if asked else _cost(retriever, queries, watch, unresolved))
    if why is None:
        try:
            with watch.aside("latency"):
                times = list(_times(retriever, _drawn(queries, seed), k))
            return _summary(times)
        except BenchError as error:
            why = str(error).splitlines()[0]
    return {"p50": None, "p95": None, "queries": 0, "why": why}


def _refusal(retriever: Retriever, queries: Sequence[Query], asked: bool | None) -> str | None:
    """Why nothing can be timed, whatever it may cost."""
    if asked is False:
        return "it was switched off"
    if not queries:
        return "there are no queries"
    address = next(_addresses(retriever), None)
    return f"its replies come from {address} or from disk" if address else None


def _cost(retriever: Retriever, queries: Sequence[Query], watch: Watch, unresolved: bool) -> str | None:
    """Why timing would cost more than it is worth unasked."""
    if unresolved:
        return "nobody can say which weights were timed; --latency times them all the same"
    if any(all(shard.reused for shard in encoded.query_shards) for encoded in _encoded(retriever)):
        return "the queries' vectors were in the store, and no model is loaded for this alone; --latency loads it"
    size = index_bytes(retriever)
    if size is not None and size > _READ_AT_ONCE:
        return f"each query reads an index of {size / 1e9:.1f} GB; --latency times one all the same"
    seconds = sum(watch.seconds.get(phase, 0.0) for phase in _BY_QUERY) / len(queries)
    if seconds > BUDGET_S:
        return f"in the run one query took {seconds:.1f} s; --latency times one all the same"
    return None


def _drawn(queries: Sequence[Query], seed: int) -> list[Query]:
    return random.Random(seed).sample(list(queries), min(len(queries), QUERIES))


def _times(retriever: Retriever, queries: Sequence[Query], k: int) -> Iterator[float]:
    """Seconds of each query until the budget is spent; one at least. The first is searched once before, to warm up."""
    with ExitStack() as stack:
        for encoded in _encoded(retriever):
            stack.enter_context(encoded.afresh())
        started = time.perf_counter()
        for number, query in enumerate((queries[0], *queries)):
            if number > 1 and time.perf_counter() - started > BUDGET_S:
                return
            before = time.perf_counter()
            retriever.search([query], k)
            if number:
                yield time.perf_counter() - before


def _summary(times: Sequence[float]) -> dict[str, Any]:
    import numpy as np

    p50, p95 = (round(1000 * float(value), 3) for value in np.percentile(times, [50, 95]))
    return {"p50": p50, "p95": p95, "queries": len(times)}


def _encoded(retriever: Retriever) -> list[EncodedCorpus]:
    return [part.encoded for part in parts(retriever) if isinstance(part, Encodes)]


def _addresses(retriever: Retriever) -> Iterator[str]:
    """The endpoints that a part of a retriever asks."""
    for part in parts(retriever):
        encoder = part.encoded.encoder if isinstance(part, Encodes) else None
        for means in (encoder, getattr(part, "reranker", None), getattr(part, "rewriter", None)):
            if isinstance(means, Asks):
                yield means.asks
