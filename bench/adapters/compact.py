"""An encoder whose vectors are stored compactly: another one with a form and a recipe of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.compact import Compact, Packed
from bench.encoding import Side, TextEncoder
from bench.files import dump_json, write_whole
from bench.forms import SINGLE
from bench.store import VectorStore

VERSION = 1


class CompactEncoder:
    """The encoder `whole`, its documents stored as `compact` says; queries are float32, shortened like the documents.

    `trained` says whether the model was trained to be shortened so, None where nobody knows or nothing is shortened.
    All else is the encoder's own: see `compacted`.
    """

    def __init__(self, whole: TextEncoder, compact: Compact, trained: bool | None = None) -> None:
        self.whole, self.compact, self.trained = whole, compact, trained
        self.form = Packed(compact)

    def recipe(self, side: Side) -> dict[str, Any]:
        """The whole vectors' recipe, and what is kept of them: the bytes do not depend on how they came about."""
        compact = replace(self.compact, precision="float32") if side == "query" else self.compact
        if compact.plain:
            return self.whole.recipe(side)
        dims = {"dims": compact.dims} if compact.dims else {}
        return self.whole.recipe(side) | {"stored": compact.precision, "compact": VERSION} | dims

    def derive(self, store: VectorStore, texts: Sequence[str], side: Side, language: str) -> bool:
        """Make the shard of these texts from their whole vectors, if the store has those; whether it had.

        Its bytes are those of a shard that was encoded afresh, and its JSON that of the whole vectors but for what is
        stored. Two processes that do it at once write the same.
        """
        spoken = {"language": language} if self.whole.uses_language else {}
        recipe, source = self.recipe(side) | spoken, self.whole.recipe(side) | spoken
        if not store.folder(source).is_dir():
            return False
        found = store.find(source, store.key(source, texts), quiet=True)
        if found is None:
            return False
        vectors = self.compact.shortened(SINGLE.load(found.path))
        data = self.form.dump(vectors)
        stated = {"recipe": recipe, "dimension": vectors.shape[1], "sha256": hashlib.sha256(data).hexdigest()}
        path = store.folder(recipe) / f"{store.key(recipe, texts)}{self.form.suffix}"
        write_whole(path, data)
        write_whole(path.with_suffix(".json"), dump_json(found.meta | stated | {"derived": True}).encode())
        return True


def compacted(whole: TextEncoder, compact: Compact, trained: bool | None = None) -> Any:
    """The encoder with vectors stored compactly.

    It has the attributes of the one that it wraps and no others: what an encoder can do is told by what it has.
    """
    own = [name for name in dir(whole) if not name.startswith("_") and not hasattr(CompactEncoder, name)]
    members = {name: _passed_on(name) for name in own if name not in ("form", "whole", "compact", "trained")}
    kind: Any = type(CompactEncoder.__name__, (CompactEncoder,), members)
    return kind(whole, compact, trained)


def _passed_on(name: str) -> property:
    return property(lambda self: getattr(self.whole, name))


def for_side(encoder: TextEncoder, side: Side) -> TextEncoder:
    """The encoder of one side: queries are never packed."""
    if side == "document" or not isinstance(encoder, CompactEncoder):
        return encoder
    compact: Compact = replace(encoder.compact, precision="float32")
    found: TextEncoder = encoder.whole if compact.plain else compacted(encoder.whole, compact)
    return found
