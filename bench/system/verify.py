"""A look at a system before it is measured: each encoder in it loads and encodes one pair of texts."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bench.encoding import Side, TextEncoder, encode_batch
from bench.forms import form_of
from bench.system.value import System

QUERY = "What is the longest river in Africa?"
DOCUMENT = "The Nile is usually called the longest river in Africa; it flows north through Egypt."
OTHER = "A string quartet has two violins, a viola and a cello."
_TIMED = 32
"""Texts that the speed is measured on, after the first ones have warmed the model up."""


def verify(system: System) -> list[dict[str, Any]]:
    """What each encoder makes of a question, its answer and a text beside the point, in the order of the expression.

    `sides` hold the exact text sent (`sent`, special tokens visible), tokens, dimension, norm; `scores` are the inner
    products with the question; `texts_per_second` is of short documents. StoppedError for vectors that are none.
    """
    return [_encoder(encoder) for encoder in system.encoders]


def _encoder(encoder: TextEncoder) -> dict[str, Any]:
    start = time.perf_counter()
    form = form_of(encoder)
    query = encode_batch(encoder, [QUERY], "query", "en")
    seconds = time.perf_counter() - start
    documents = encode_batch(encoder, [DOCUMENT, OTHER], "document", "en")
    fit = form.dimension(query) == form.dimension(documents)
    scores = form.scores(query, documents)[0] if fit else np.array([np.nan, np.nan])
    start = time.perf_counter()
    encoder.encode([DOCUMENT] * _TIMED, "document", "en")
    speed = _TIMED / (time.perf_counter() - start)
    return {
        "adapter": encoder.recipe("query").get("adapter"),
        "sides": {
            "query": _side(encoder, "query", QUERY, query),
            "document": _side(encoder, "document", DOCUMENT, documents),
        },
        "scores": {"answer": _number(scores[0]), "other": _number(scores[1])},
        "seconds_to_load": round(seconds, 3),
        "texts_per_second": round(speed, 1),
        "environment": encoder.environment(),
    }


def _side(encoder: TextEncoder, side: Side, text: str, vectors: Any) -> dict[str, Any]:
    count = encoder.count_tokens([text], side)
    return {
        "text": text,
        "sent": encoder.rendered(text, side),
        "tokens": int(count.lengths[0]) if count else None,
        "max_length": encoder.recipe(side).get("max_length"),
        "dimension": form_of(encoder).dimension(vectors),
        **form_of(encoder).described(vectors),
        "weights": encoder.recipe(side).get("weights"),
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
