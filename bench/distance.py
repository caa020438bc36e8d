"""How far scores are from those in float32 where a model computes otherwise: another dtype, attention or backend.

Measured on a few texts and questions of the corpus that was searched, by the same model loaded once more; what was
measured is kept, so that it is done once a model and corpus.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.adapters.encoded import EncodedCorpus
from bench.encoding import TextEncoder, encode_window
from bench.errors import BenchError, StoppedError
from bench.files import digest, dump_json, read_json, write_whole
from bench.forms import form_of
from bench.machine import free_memory, resident
from bench.sizes import size

DOCUMENTS, QUERIES, TOP = 64, 16, 10
_READ = 2048  # Documents from which the sample is drawn: no more are read for it.
_FIELDS = ("dtype", "attention", "backend")


@runtime_checkable
class Referred(Protocol):
    """An encoder that knows the same model as it is by itself: in float32, with the library's own attention."""

    def reference(self) -> TextEncoder | None:
        """That encoder, None where this is it."""
        ...


def distances(
    parts: Sequence[EncodedCorpus],
    queries: Sequence[str],
    kept: Path,
    *,
    seed: int,
    max_memory: int | None = None,
    remote: bool = False,
) -> list[dict[str, Any]]:
    """What a recipe says of each part that does not compute in float32; `encoder` is its place among the parts.

    Where it cannot be measured, `not_measured` says why: a `remote` model, or a memory that does not hold it twice.
    """
    found = []
    for number, part in enumerate(parts):
        plain, encoder = reference(part), getattr(part.encoder, "whole", part.encoder)
        if plain is None:
            continue
        own, other = encoder.recipe("document"), plain.recipe("document")
        told = {"encoder": number, **{f: own[f] for f in _FIELDS if own.get(f) != other.get(f)}}
        why = "its workers are elsewhere" if remote else _too_large(plain, max_memory)
        found.append(told | ({"not_measured": why} if why else _measured(part, encoder, plain, queries, kept, seed)))
    return found


def reference(part: EncodedCorpus) -> TextEncoder | None:
    """The model of a part in float32; None where it computes in that. Compact vectors are a matter of their own."""
    encoder = getattr(part.encoder, "whole", part.encoder)
    return encoder.reference() if isinstance(encoder, Referred) else None


def said(distance: dict[str, Any]) -> str:
    """A distance in words."""
    what = ", ".join(str(distance[field]) for field in _FIELDS if field in distance)
    if "not_measured" in distance:
        return f"{what}: how far its scores are from those in float32 was not measured: {distance['not_measured']}"
    return (
        f"{what}: scores differ from those in float32 by {distance['mean']:.1g} in the mean and {distance['max']:.1g} "
        f"at most, and the top {TOP} have {100 * distance['overlap']:.0f} % in common "
        f"({distance['queries']} queries, {distance['documents']} documents)"
    )


def differences(plain: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    """Of scores (queries x documents): the largest and the mean difference, and the share of the top 10 in common."""
    apart, depth = np.abs(plain - other), min(TOP, plain.shape[1])
    tops = [np.argsort(-scores, axis=1, kind="stable")[:, :depth] for scores in (plain, other)]
    common = [len(set(a.tolist()) & set(b.tolist())) / depth for a, b in zip(*tops, strict=True)]
    return {"max": float(apart.max()), "mean": float(apart.mean()), "overlap": float(np.mean(common))}


def _measured(
    part: EncodedCorpus, encoder: TextEncoder, plain: TextEncoder, queries: Sequence[str], kept: Path, seed: int
) -> dict[str, Any]:
    draw = random.Random(seed)
    texts = [doc.text for doc in islice(part.corpus.docs(), _READ)]
    documents = draw.sample(texts, min(DOCUMENTS, len(texts)))
    asked = draw.sample(list(queries), min(QUERIES, len(queries)))
    recipes = [e.recipe(side) for e in (encoder, plain) for side in ("query", "document")]
    path = kept / f"{digest([recipes, documents, asked])[:32]}.json"
    if path.exists():
        try:
            return dict(read_json(path))
        except (BenchError, TypeError, ValueError):  # Damaged: it is measured again.
            pass
    counts = {"documents": len(documents), "queries": len(asked)}
    try:
        scores = [_scores(e, asked, documents, part) for e in (plain, encoder)]
    except StoppedError as error:
        return {"not_measured": str(error)}
    found = counts | differences(*scores)
    write_whole(path, dump_json(found).encode())
    return found


def _scores(
    encoder: TextEncoder, queries: Sequence[str], documents: Sequence[str], part: EncodedCorpus
) -> NDArray[np.float64]:
    asked = encode_window(encoder, queries, "query", part.query_language).vectors
    found = encode_window(encoder, documents, "document", part.corpus.language).vectors
    scores: NDArray[np.float64] = np.asarray(form_of(encoder).scores(asked, found), dtype=np.float64)
    return scores


def _too_large(plain: Any, max_memory: int | None) -> str | None:
    """Why the model in float32 is not loaded beside the other one, None where it can be."""
    needed, free = int(getattr(plain, "bytes_in_float32", 0)), free_memory()
    if free is not None and needed + needed // 4 > free:
        return f"in float32 it takes {size(needed)}, and {size(free)} are free"
    if max_memory is not None and (resident() or 0) + needed > max_memory:
        return f"in float32 it takes {size(needed)} more, which --max-memory does not leave"
    return None
