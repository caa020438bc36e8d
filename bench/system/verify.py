"""A look at a system before it is measured: each model in it loads and works on one pair of texts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.adapters.encoder_reranker import EncoderReranker
from bench.adapters.mteb_model import MtebEncoder
from bench.adapters.rewriting import LanguageModelRewriter
from bench.collection import Doc, Query
from bench.encoding import Metered, Side, TextEncoder, encode_batch
from bench.expression import Kind, Name
from bench.forms import MULTI, form_of
from bench.grammar import parse_expression
from bench.registry import Registry
from bench.retriever import Placed, Reranker, Sent, Shows
from bench.system.resolve import KINDS, STAGES
from bench.system.value import System

QUERY = "What is the longest river in Africa?"
DOCUMENT = "The Nile is usually called the longest river in Africa; it flows north through Egypt."
OTHER = "A string quartet has two violins, a viola and a cello."
_TIMED = 32
"""Texts that the speed is measured on, after the first ones have warmed the model up."""


def of_stage(model: str, registry: Registry) -> str:
    """The expression to look at: a re-ranker alone stands behind bm25, which loads nothing."""
    tree = parse_expression(model)
    if isinstance(tree, Kind) and tree.kind in STAGES and tree.kind not in KINDS:
        return f"bm25 >> {tree}"
    if isinstance(tree, Name) and registry.model(tree.text).kind == "cross":
        return f"bm25 >> {Kind('cross', tree.text)}"
    return model


def verify(system: System) -> list[dict[str, Any]]:
    """What each model makes of a question, its answer and a text beside the point: encoders first, then stages.

    An encoder has `sides` with the exact text sent (`sent`, special tokens visible), tokens, dimension, norm; `scores`
    are those of the two texts for the question. A re-ranker has a `pair` in place of `sides`, a rewriter also the
    `rewritten` question. Speed is of short texts. StoppedError for vectors that are none.
    """
    again = [stage.encoder for stage in system.stages if isinstance(stage, EncoderReranker)]
    others = [stage for stage in system.stages if not isinstance(stage, EncoderReranker)]
    return [_encoder(encoder) for encoder in (*system.encoders, *again)] + [_stage(stage) for stage in others]


def _encoder(encoder: TextEncoder) -> dict[str, Any]:
    start = time.perf_counter()
    form = form_of(encoder)
    query = encode_batch(encoder, [QUERY], "query", "en")
    seconds = time.perf_counter() - start
    documents = encode_batch(encoder, [DOCUMENT, OTHER], "document", "en")
    fit = form.dimension(query) == form.dimension(documents)
    scores = form.scores(query, documents)[0] if fit else np.array([np.nan, np.nan])
    if form is MULTI and getattr(encoder, "mean_of_queries", False):
        scores = scores / max(1, len(query.of(0)))
    speed = _per_second(lambda: encoder.encode([DOCUMENT] * _TIMED, "document", "en"))
    return {
        "adapter": encoder.recipe("query").get("adapter"),
        "sides": {
            "query": _side(encoder, "query", QUERY, query),
            "document": _side(encoder, "document", DOCUMENT, documents),
        },
        "scores": {"answer": _number(scores[0]), "other": _number(scores[1])},
        "seconds_to_load": round(seconds, 3),
        "texts_per_second": speed,
        "environment": encoder.environment(),
    }


def _side(encoder: TextEncoder, side: Side, text: str, vectors: Any) -> dict[str, Any]:
    sent = _sent(encoder, side, text)
    return {
        "text": text,
        "sent": sent.text,
        "tokens": sent.tokens,
        "max_length": sent.limit,
        "dimension": form_of(encoder).dimension(vectors),
        **form_of(encoder).described(vectors),
        "weights": encoder.recipe(side).get("weights"),
    }


def _sent(encoder: TextEncoder, side: Side, text: str) -> Sent:
    """What the encoder gets of a text; what an endpoint charges for it where nothing else tells its tokens."""
    if isinstance(encoder, MtebEncoder):
        return encoder.sent(text, side)
    count = encoder.count_tokens([text], side)
    tokens = int(count.lengths[0]) if count else None
    if count is None and isinstance(encoder, Metered):
        encoder.spent()  # Of what came before.
        encoder.encode([text], side, "en")
        tokens = int(encoder.spent().get("tokens", 0)) or None
    return Sent(encoder.rendered(text, side), tokens, encoder.recipe(side).get("max_length"))


def _stage(stage: Any) -> dict[str, Any]:
    """A re-ranker's look at a pair, or what a rewriter makes of the question."""
    query, docs = Query("query", QUERY), [Doc("answer", DOCUMENT), Doc("other", OTHER)]
    start = time.perf_counter()
    found = _rewritten(stage, query) if isinstance(stage, LanguageModelRewriter) else _scored(stage, query, docs)
    seconds = time.perf_counter() - start
    sent = stage.sent(query, docs) if isinstance(stage, Shows) else Sent(QUERY)
    recipe = stage.recipe()
    return {
        "adapter": recipe.get("adapter"),
        "pair": {"text": [QUERY, DOCUMENT], "sent": sent.text, "tokens": sent.tokens, "max_length": sent.limit},
        **found,
        "weights": recipe.get("weights"),
        "seconds_to_load": round(seconds, 3),
        "environment": stage.environment() if isinstance(stage, Placed) else recipe.get("llm", {}),
    }


def _scored(stage: Reranker, query: Query, docs: list[Doc]) -> dict[str, Any]:
    (scores,) = stage.score_all([(query, docs)])
    # The same question twice is answered from disk.
    asks = hasattr(stage, "asks")
    speed = None if asks else _per_second(lambda: stage.score_all([(query, docs[:1] * _TIMED)]))
    return {"scores": {"answer": _number(scores[0]), "other": _number(scores[1])}, "pairs_per_second": speed}


def _rewritten(stage: LanguageModelRewriter, query: Query) -> dict[str, Any]:
    (made,) = stage.rewrite([query], "en")
    return {"rewritten": made.text}


def _per_second(work: Callable[[], Any]) -> float:
    """How many of the texts that are timed `work` does in a second."""
    start = time.perf_counter()
    work()
    return round(_TIMED / (time.perf_counter() - start), 1)


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
