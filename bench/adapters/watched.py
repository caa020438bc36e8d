"""What a model of sentence-transformers is sent: its tokenizer's output, watched while the model works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.retriever import Sent


def watched(model: Any, work: Callable[[], Any]) -> Sent | None:
    """The first text or pair that reaches the model during `work`, cut as it is; None where nothing can be seen."""
    if not (hasattr(model, "preprocess") and hasattr(model, "tokenizer")):
        return None
    seen: list[Any] = []
    original = model.preprocess

    def preprocess(*arguments: Any, **options: Any) -> Any:
        features = original(*arguments, **options)
        seen.append(features["input_ids"][0])
        return features

    model.preprocess = preprocess
    try:
        work()
    finally:
        del model.preprocess
    limit = getattr(model, "max_seq_length", None)
    return Sent(str(model.tokenizer.decode(seen[0])), len(seen[0]), limit) if seen else None
