"""Texts to vectors in batches: a window of texts, sorted by length, cut into batches by a budget of tokens.

Little is spent on padding, and the batches depend on the texts of the window alone, so the same window gives the same
vectors wherever a run was broken off and resumed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.errors import StoppedError
from bench.forms import form_of
from bench.retriever import Vectors

Side = Literal["query", "document"]


class OutOfMemory(StoppedError):
    """An encoder's word for a batch that its memory does not hold: a smaller one may do."""


HALVED = "the memory was full: texts are encoded in smaller batches, which changes vectors in their last bits alone"
"""What is said of a window whose batches were cut in half."""


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


class Prepared(Protocol):
    """Texts of one side that were tokenised once, to be counted and then encoded batch by batch."""

    @property
    def count(self) -> TokenCount:
        """What the model's tokenizer says of them."""
        ...

    def encode(self, positions: Sequence[int]) -> Any:
        """One batch of them: what `TextEncoder.encode` returns for the same texts, bit by bit."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """An encoder whose work on texts can begin before the model has time for them, in another thread."""

    def prepare(self, texts: Sequence[str], side: Side) -> Prepared | None:
        """Tokenise; None where this encoder has nothing to do beforehand."""
        ...


@runtime_checkable
class Parallel(Protocol):
    """An encoder that encodes so many batches at a time, each in a thread of its own."""

    @property
    def lanes(self) -> int: ...


@runtime_checkable
class Metered(Protocol):
    """An encoder that costs something says how much since it was last asked: numbers by their unit."""

    def spent(self) -> dict[str, float]: ...


@runtime_checkable
class Derives(Protocol):
    """An encoder whose shards can be made from those of another one, `whole`: `derive(store, texts, side, language)`.

    Returns whether the store has the shard now; nothing is encoded for it.
    """

    @property
    def whole(self) -> TextEncoder: ...

    def derive(self, store: Any, texts: Sequence[str], side: Side, language: str) -> bool: ...


@runtime_checkable
class Sized(Protocol):
    """An encoder that knows the length of its vectors before it makes one; None where it does not after all."""

    @property
    def dimension(self) -> int | None: ...


@dataclass(frozen=True)
class Encoded:
    """The vectors of a window, rows in the order of its texts, and what was counted on the way.

    `vectors` have the encoder's form. `equal` is the number of distinct texts whose vector is that of another text, bit
    by bit; `halved` how often batches were cut in half because the memory was full.
    """

    vectors: Any
    equal: int
    tokens: int | None
    truncated: int | None
    unknown: int | None
    halved: int = 0


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
    prepared: Prepared | None = None,
) -> Encoded:
    """Encode a window of texts; `progress` is called with the number of texts of every finished batch.

    `prepared` are the same texts, if the encoder has them already. A batch that the memory does not hold is cut in
    half, and so are those after it: vectors change by no more than what the shape of a batch does to their last bits.
    StoppedError where not even one text fits, and where the model returns another number of vectors than texts, vectors
    of another dimension than before, or a value that is no finite number.
    """
    ready = prepared or (encoder.prepare(texts, side) if isinstance(encoder, Preparing) else None)
    count = ready.count if ready else encoder.count_tokens(texts, side)
    lengths = count.lengths if count else np.array([len(t) for t in texts], dtype=np.int64)
    limits = encoder.limits if count else BatchLimits(None, encoder.limits.texts)
    form = form_of(encoder)

    def encode(positions: NDArray[np.int64]) -> Any:
        if ready:
            return ready.encode(positions.tolist())
        return encoder.encode([texts[i] for i in positions], side, language)

    parts: list[tuple[NDArray[np.int64], Any]] = []
    left, halved = list(batches(lengths, limits)), 0
    while left:
        full: list[NDArray[np.int64]] = []
        fault: Exception | None = None
        for positions, batch in _encoded(encode, left, encoder.lanes if isinstance(encoder, Parallel) else 1):
            if isinstance(batch, Exception):
                full, fault = [*full, positions], batch
                continue
            parts.append((positions, form.checked(batch, len(positions))))
            if progress:
                progress(len(positions))
        if fault is None:
            break
        limits, halved = _halved(limits, int(lengths[full[0][0]]), len(full[0]), fault), halved + 1
        done = {int(positions[0]) for positions, _ in parts}
        rest = np.concatenate([positions for positions in left if int(positions[0]) not in done])
        left = [rest[cut] for cut in batches(lengths[rest], limits)]
    vectors = form.gathered(parts, len(texts))
    equal = _equal(texts, form.keys(vectors))
    if count is None:
        return Encoded(vectors, equal, None, None, None, halved)
    return Encoded(vectors, equal, int(count.lengths.sum()), count.truncated, count.unknown, halved)


def _encoded(
    encode: Callable[[NDArray[np.int64]], Any], left: Sequence[NDArray[np.int64]], lanes: int
) -> Iterator[tuple[NDArray[np.int64], Any]]:
    """Batches with their vectors, or with the error of a full memory: then those in hand are the last.

    With several lanes a batch goes to whichever is free; they come back in the order in which they were dealt.
    """
    if lanes == 1:
        for positions in left:
            batch = _tried(encode, positions)
            yield positions, batch
            if isinstance(batch, Exception):
                return
        return
    with ThreadPoolExecutor(lanes) as pool:
        waiting, full = iter(left), False
        running = deque((p, pool.submit(_tried, encode, p)) for p in islice(waiting, lanes + 1))
        while running:
            positions, future = running.popleft()
            batch = future.result()
            full = full or isinstance(batch, Exception)
            if not full:
                running.extend((p, pool.submit(_tried, encode, p)) for p in islice(waiting, 1))
            yield positions, batch


def _tried(encode: Callable[[NDArray[np.int64]], Any], positions: NDArray[np.int64]) -> Any:
    """The vectors of a batch, or the error of a memory that does not hold it."""
    try:
        return encode(positions)
    except (OutOfMemory, MemoryError) as error:
        return error


def _halved(limits: BatchLimits, longest: int, texts: int, error: Exception) -> BatchLimits:
    """Limits that cut a batch of so many texts in half, the longest first."""
    if texts == 1:
        told = f"{error}; " if str(error) else ""
        raise StoppedError(f"{told}the memory does not hold one text; what was finished is kept") from error
    if limits.tokens is None:
        return BatchLimits(None, texts // 2)
    return BatchLimits(max(1, longest) * (texts // 2), limits.texts)


def encode_batch(encoder: TextEncoder, texts: Sequence[str], side: Side, language: str) -> Any:
    """A few texts as one batch, in the encoder's form; StoppedError as for a window."""
    form = form_of(encoder)
    batch = form.checked(encoder.encode(list(texts), side, language), len(texts))
    return form.gathered([(np.arange(len(texts)), batch)], len(texts))


def _equal(texts: Sequence[str], keys: Sequence[bytes]) -> int:
    counts = Counter({text: keys[i] for i, text in enumerate(texts)}.values())
    return sum(n for n in counts.values() if n > 1)


def unit_length(vectors: Any) -> Vectors:
    """The vectors in float32 at length 1, so that their inner product is the cosine; a zero vector stays one."""
    array = np.asarray(vectors, dtype=np.float32)
    scaled: Vectors = array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), np.float32(1e-12))
    return scaled
