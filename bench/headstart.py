"""What of a plan lies in the vector store already: shards are known by their texts, so the corpus has to be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from bench.collection import Source
from bench.encoding import TextEncoder
from bench.footprint import Glimpse, document_recipe
from bench.forms import form_of
from bench.opening import expected
from bench.plan import Plan
from bench.store import VectorStore
from bench.task import document_text

CHEAP = 65_536
"""Documents that are read without a second thought: a smaller corpus is gone through to its end."""
_FIRST = 4


@dataclass(frozen=True)
class Headstart:
    """Of one language's shards of documents: how many were looked at, how many of these are there, how many there are.

    Where nothing was made with the model's recipe yet, nothing needs to be read: `looked_at` is 0 then.
    """

    there: int
    looked_at: int
    of: int

    @property
    def share(self) -> float:
        """The share of the documents that is there, as far as was looked."""
        return self.there / self.looked_at if self.looked_at else 0.0


def headstart(plan: Plan, subset: str, source: Source, seen: Glimpse) -> Headstart:
    """Look for the shards of a language, of all encoders: the first four, or all where the corpus is not large."""
    store = VectorStore(plan.places.cache / "vectors")
    encoders = [e for e in plan.system.encoders if store.folder(document_recipe(e, seen.language)).is_dir()]
    shards = -(-seen.documents // plan.shard_size) * len(plan.system.encoders)
    if plan.system.unresolved or plan.limit_docs or not encoders:
        return Headstart(0, 0, shards)
    most = None if (expected(plan, subset) or seen.documents) <= CHEAP else _FIRST
    there = looked_at = 0
    for texts in islice(_windows(plan, source), most):
        looked_at += len(plan.system.encoders)
        there += sum(_holds(store, encoder, seen.language, texts) for encoder in encoders)
    return Headstart(there, looked_at, shards)


def _holds(store: VectorStore, encoder: TextEncoder, language: str, texts: list[str]) -> bool:
    recipe = document_recipe(encoder, language)
    return store.holds(recipe, store.key(recipe, texts), form_of(encoder).suffix)


def _windows(plan: Plan, source: Source) -> Iterator[list[str]]:
    passages = iter(source.passages())
    while window := [document_text(plan.task.document_text, p) for p in islice(passages, plan.shard_size)]:
        yield window
