"""Which passages hold an answer, so that a sample of a corpus without judgments keeps what its questions look for.

A passage holds an answer where the answer occurs in its text as it stands and also in its tokens joined by blanks,
which is where recall of answers looks for it (bench.answer_recall): `50%` is in a text and never in its tokens. Short
answers are everywhere (`5` is in `1950`), so each question keeps, of the passages that hold an answer to it, the 100
with the smallest keyed hash; all of them where there are no more. A ranking of 100 cannot show further ones.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.answer_recall import span_answers
from bench.collection import Answers, Passage
from bench.words import WordTokenizer

_HELD = 100
_SPANS = 1000  # More in one expression may be more than its engine has memory for.
_HIGHEST = np.uint64((1 << 64) - 1)
_COMMON = np.uint64(1 << 59)
"""A question whose 100 smallest hashes lie below this has an answer so common that few passages need a look."""


class AnswerPassages:
    """The passages that hold an answer to one of the questions, found while the corpus streams by.

    A question whose only answers are yes or no keeps none. `held` is how many a question keeps.
    """

    def __init__(self, answers: Answers, tokenizer: WordTokenizer, held: int = _HELD) -> None:
        self._tokenizer, self._held = tokenizer, held
        self._spans = [spans for texts in answers.values() if (spans := span_answers(texts))]
        # A heap of (-hash, -row) a question: the highest hash is on top.
        self._best: list[list[tuple[int, int]]] = [[] for _ in self._spans]
        self._limits = np.full(len(self._spans), _HIGHEST)

    def look(self, passages: Sequence[Passage], hashes: NDArray[np.uint64], start: int) -> None:
        """Take in the next passages with their keyed hashes; the first is row `start`."""
        texts = [passage.text for passage in passages]
        for i in np.flatnonzero(self._promising(texts, hashes)).tolist():
            self._offer(texts[i], hashes[i], start + i)

    def rows(self) -> NDArray[np.int64]:
        """The rows of the passages kept, ascending and distinct."""
        return np.array(sorted({-row for best in self._best for _, row in best}), np.int64)

    def _promising(self, texts: list[str], hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which passages deserve a look: one expression finds the rare answers, a low hash is enough for the others."""
        common = self._limits <= _COMMON
        rare = {span for i in np.flatnonzero(~common).tolist() for span in self._spans[i]}
        low = hashes <= np.max(self._limits, where=common, initial=0)
        return low | _hold(texts, sorted(rare))

    def _offer(self, text: str, value: np.uint64, row: int) -> None:
        tokens: str | None = None
        for i in np.flatnonzero(self._limits >= value).tolist():
            spans = [span for span in self._spans[i] if span in text]
            if not spans:
                continue
            if tokens is None:
                tokens = " ".join(self._tokenizer.split(text))
            if any(span in tokens for span in spans):
                self._push(i, int(value), row)

    def _push(self, question: int, value: int, row: int) -> None:
        best = self._best[question]
        if len(best) < self._held:
            heapq.heappush(best, (-value, -row))
        else:
            heapq.heappushpop(best, (-value, -row))
        if len(best) == self._held:
            self._limits[question] = -best[0][0]


def _hold(texts: list[str], spans: list[str]) -> NDArray[np.bool_]:
    """Which texts hold one of the spans. One automaton for all of them: some hundred times as fast as span by span."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array(texts, pa.large_string())
    mask = np.zeros(len(texts), bool)
    for start in range(0, len(spans), _SPANS):
        found: Any = pc.match_substring_regex(column, "|".join(map(re.escape, spans[start : start + _SPANS])))
        mask |= found.to_numpy(zero_copy_only=False)
    return mask
