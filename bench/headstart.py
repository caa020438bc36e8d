"""What of a plan lies in the vector store already: shards are known by their texts, so these have to be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from bench.adapters.encoded import Encodes
from bench.collection import Answered, Source
from bench.encoding import Derives, TextEncoder
from bench.footprint import Glimpse, document_recipe
from bench.forms import form_of
from bench.opening import expected, setting_of
from bench.plan import Plan
from bench.questions import Questions
from bench.retriever import parts
from bench.share import query_texts
from bench.store import VectorStore
from bench.task import document_text
from bench.watch import Watch

CHEAP = 65_536
"""Documents that are read without a second thought: a smaller corpus is gone through to its end."""
_FIRST = 4


@dataclass(frozen=True)
class Headstart:
    """Of one language's shards of documents: how many were looked at, how many of these are there, how many there are.

    A shard of compact vectors counts as there where the whole vectors are, since nothing is encoded for it; `derived`
    says how many of those there are still to be written so. Where nothing was made with the model's recipe yet,
    nothing needs to be read: `looked_at` is 0 then. So many `questions` have vectors there, in the mean of all
    encoders; they are looked for as the run will, to the last one.
    """

    there: int
    looked_at: int
    of: int
    derived: int = 0
    questions: float = 0.0

    @property
    def share(self) -> float:
        """The share of the documents that is there, as far as was looked."""
        return self.there / self.looked_at if self.looked_at else 0.0

    @property
    def stored(self) -> float:
        """The share of the documents whose vectors need not be written."""
        return (self.there - self.derived) / self.looked_at if self.looked_at else 0.0

    def left(self, questions: int) -> tuple[float, float]:
        """The shares of the documents, and of so many questions, that have to be encoded."""
        return 1 - self.share, 1 - self.questions / max(1, questions)


def headstart(plan: Plan, subset: str, source: Source, seen: Glimpse) -> Headstart:
    """Look for the shards of a language, of all encoders: the first four, or all where the corpus is not large."""
    return replace(_documents(plan, subset, source, seen), questions=_questions(plan, subset, source))


def _questions(plan: Plan, subset: str, source: Source) -> float:
    """How many of the questions have vectors in the store."""
    asked = Questions(source.queries(), None, source.answers() if isinstance(source, Answered) else None)
    retriever = plan.system.build(setting_of(plan, subset, plan.places.cache / "work", Watch()))
    encoding = [part for part in parts(retriever) if isinstance(part, Encodes)]
    there = sum(
        part.encoded.stored_queries(texts) for part in encoding for texts in query_texts(plan, retriever, part, asked)
    )
    return there / max(1, len(encoding))


def _documents(plan: Plan, subset: str, source: Source, seen: Glimpse) -> Headstart:
    store = VectorStore(plan.places.cache / "vectors")
    encoders = [e for e in plan.system.encoders if _begun(store, e, seen.language)]
    shards = -(-seen.documents // plan.shard_size) * len(plan.system.encoders)
    if plan.system.unresolved or plan.limit_docs or not encoders:
        return Headstart(0, 0, shards)
    most = None if (expected(plan, subset) or seen.documents) <= CHEAP else _FIRST
    there = looked_at = derived = 0
    for texts in islice(_windows(plan, source), most):
        looked_at += len(plan.system.encoders)
        held = [encoder for encoder in encoders if _holds(store, encoder, seen.language, texts)]
        whole = [e.whole for e in encoders if e not in held and isinstance(e, Derives)]
        made = sum(_holds(store, encoder, seen.language, texts) for encoder in whole)
        there, derived = there + len(held) + made, derived + made
    return Headstart(there, looked_at, shards, derived)


def _begun(store: VectorStore, encoder: TextEncoder, language: str) -> bool:
    """Whether anything lies there that was made by the encoder, or that its shards can be made from."""
    whole = [encoder.whole] if isinstance(encoder, Derives) else []
    return any(store.folder(document_recipe(e, language)).is_dir() for e in (encoder, *whole))


def _holds(store: VectorStore, encoder: TextEncoder, language: str, texts: list[str]) -> bool:
    recipe = document_recipe(encoder, language)
    return store.holds(recipe, store.key(recipe, texts), form_of(encoder).suffix)


def _windows(plan: Plan, source: Source) -> Iterator[list[str]]:
    passages = iter(source.passages())
    while window := [document_text(plan.task.document_text, p) for p in islice(passages, plan.shard_size)]:
        yield window
