"""An encoder whose tokens are words, and texts for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toy import vector

from bench.encoding import BatchLimits, Side, TokenCount

Encode = Callable[[Sequence[str]], Any]


class Words:
    """An encoder whose tokens are words, and whose model is any function."""

    uses_language = False

    def __init__(self, encode: Encode, limits: BatchLimits, *, counts: bool = True) -> None:
        self._encode, self.limits, self._counts = encode, limits, counts
        self.seen: list[list[str]] = []

    def recipe(self, side: Side) -> dict[str, Any]:
        return {"side": side}

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        self.seen.append(list(texts))
        return self._encode(texts)

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        return TokenCount(np.array([len(t.split()) for t in texts]), 3, 5) if self._counts else None

    def rendered(self, text: str, side: Side) -> str:
        return text

    def environment(self) -> dict[str, Any]:
        return {}


def bags(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.stack([vector(text) for text in texts])


def texts_of(lengths: Sequence[int]) -> list[str]:
    return [" ".join(f"w{n}.{i}" for i in range(length)) for n, length in enumerate(lengths)]
