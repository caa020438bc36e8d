"""Texts to vectors in batches: a window of texts, sorted by length, cut into batches by a budget of tokens.

Little is spent on padding, and the batches depend on the texts of the window alone, so the same window gives the same
vectors wherever a run was broken off and resumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.forms import form_of
from bench.retriever import Vectors

Side = Literal["query", "document"]


@dataclass(frozen=True)
class TokenCount:
    """What a tokenizer says of some texts.

    `lengths` are the tokens of each as the model sees it: after truncation, prompt and specials included. `truncated`
    is the number of texts that were cut, `unknown` that of tokens outside the vocabulary among the ones seen.
    """

    lengths: NDArray[np.int64]
    truncated: int
    unknown: int


@dataclass(frozen=True)
class BatchLimits:
    """A batch holds at most so many padded tokens (None: tokens do not matter) and so many texts."""

    tokens: int | None = 8192
    texts: int = 128


class TextEncoder(Protocol):
    """An encoder whose vectors may be stored: it says all that makes them."""

    @property
    def limits(self) -> BatchLimits:
        """How large a batch may be."""
        ...

    @property
    def uses_language(self) -> bool:
        """Whether the language given to `encode` changes the vectors."""
        ...

    def recipe(self, side: Side) -> dict[str, Any]:
        """The JSON value that keys the vectors of one side: all that makes them. Loads no weights."""
        ...

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Vectors:
        """One batch: a finite row a text, in order."""
        ...

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        """What the model's tokenizer says of the texts; None where the model does not tell."""
        ...

    def rendered(self, text: str, side: Side) -> str:
        """One text as the model gets it, prompt included."""
        ...

    def environment(self) -> dict[str, Any]:
        """Versions and device that vectors made now are made with."""
        ...


@runtime_checkable
class Metered(Protocol):
    """An encoder that costs something says how much since it was last asked: numbers by their unit."""

    def spent(self) -> dict[str, float]: ...


@runtime_checkable
class Sized(Protocol):
    """An encoder that knows the length of its vectors before it makes one; None where it does not after all."""

    @property
    def dimension(self) -> int | None: ...


@dataclass(frozen=True)
class Encoded:
    """The vectors of a window, rows in the order of its texts, and what was counted on the way.

    `vectors` have the encoder's form. `equal` is the number of distinct texts whose vector is that of another text, bit
    by bit.
    """

    vectors: Any
    equal: int
    tokens: int | None
    truncated: int | None
    unknown: int | None


def batches(lengths: Sequence[int] | NDArray[np.int64], limits: BatchLimits) -> Iterator[NDArray[np.int64]]:
    """Positions of the texts, longest first, cut so that longest x count stays within the budget; none is left out."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[int(order[start])]))
        size = limits.texts if limits.tokens is None else min(limits.texts, max(1, limits.tokens // longest))
        yield order[start : start + size]
        start += size


def encode_window(
    encoder: TextEncoder,
    texts: Sequence[str],
    side: Side,
    language: str,
    progress: Callable[[int], None] | None = None,
) -> Encoded:
    """Encode a window of texts; `progress` is called with the number of texts of every finished batch.

    StoppedError where the model returns another number of vectors than texts, vectors of another dimension than
    before, or a value that is no finite number.
    """
    count = encoder.count_tokens(texts, side)
    lengths = count.lengths if count else np.array([len(t) for t in texts], dtype=np.int64)
    limits = encoder.limits if count else BatchLimits(None, encoder.limits.texts)
    form = form_of(encoder)
    parts: list[tuple[NDArray[np.int64], Any]] = []
    for positions in batches(lengths, limits):
        part = form.checked(encoder.encode([texts[i] for i in positions], side, language), len(positions))
        parts.append((positions, part))
        if progress:
            progress(len(positions))
    vectors = form.gathered(parts, len(texts))
    equal = _equal(texts, form.keys(vectors))
    if count is None:
        return Encoded(vectors, equal, None, None, None)
    return Encoded(vectors, equal, int(count.lengths.sum()), count.truncated, count.unknown)


def _equal(texts: Sequence[str], keys: Sequence[bytes]) -> int:
    counts = Counter({text: keys[i] for i, text in enumerate(texts)}.values())
    return sum(n for n in counts.values() if n > 1)


def unit_length(vectors: Any) -> Vectors:
    """The vectors in float32 at length 1, so that their inner product is the cosine; a zero vector stays one."""
    array = np.asarray(vectors, dtype=np.float32)
    scaled: Vectors = array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), np.float32(1e-12))
    return scaled
