"""Listwise re-ranking by a language model: a window slides from the end of the list to its beginning.

Sun et al., "Is ChatGPT Good at Search? Investigating Large Language Models as Re-Ranking Agents", EMNLP 2023: windows
of 20 passages, moved by 10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bench.adapters.language_model import LanguageModel
from bench.collection import Doc, Query
from bench.files import digest
from bench.retriever import Sent

_QUESTION = """Below are {count} passages, each with a number in square brackets. Order them by how well they answer
the question, whatever their language, the best first.

Question: {query}

{passages}

Question: {query}

Reply with the numbers of all {count} passages and nothing else, in the form [2] > [1] > [3]."""


@dataclass(frozen=True)
class ListwiseReranker:
    """A `bench.retriever.Reranker`: the score of a document is its place, counted from the end.

    Passages are cut at `words` words. A number that a reply leaves out keeps its place after those that it names.
    """

    model: LanguageModel
    window: int = 20
    step: int = 10
    words: int = 300

    def recipe(self) -> dict[str, Any]:
        """All that makes the order."""
        return {
            "adapter": "listwise",
            "version": 1,
            "llm": self.model.recipe(),
            "question": digest(_QUESTION)[:16],
            "window": self.window,
            "step": self.step,
            "words": self.words,
        }

    @property
    def asks(self) -> str:
        """The address of the language model."""
        return self.model.endpoint.address.stored

    @property
    def spent(self) -> Mapping[str, int]:
        """What the language model was asked so far."""
        return self.model.spent

    def sent(self, query: Query, docs: Sequence[Doc]) -> Sent:
        """The question about these documents."""
        return Sent(self._question(query, docs))

    def score_all(self, pairs: Sequence[tuple[Query, Sequence[Doc]]]) -> list[list[float]]:
        """A score for every document, query by query."""
        with ThreadPoolExecutor(self.model.concurrency) as pool:
            orders = list(pool.map(lambda pair: self._order(*pair), pairs))
        scored = []
        for order in orders:
            place = {number: len(order) - i for i, number in enumerate(order)}
            scored.append([float(place[number]) for number in range(len(order))])
        return scored

    def _order(self, query: Query, docs: Sequence[Doc]) -> list[int]:
        """The numbers of the documents, best first."""
        order = list(range(len(docs)))
        start = max(0, len(docs) - self.window)
        while len(docs) > 1:
            part = order[start : start + self.window]
            reply = self.model.answer(self._question(query, [docs[i] for i in part]))
            order[start : start + self.window] = [part[i] for i in permutation(reply, len(part))]
            if start == 0:
                break
            start = max(0, start - self.step)
        return order

    def _question(self, query: Query, docs: Sequence[Doc]) -> str:
        passages = [f"[{n}] {' '.join(doc.text.split()[: self.words])}" for n, doc in enumerate(docs, start=1)]
        return _QUESTION.format(count=len(docs), query=query.text, passages="\n\n".join(passages))


def permutation(reply: str, count: int) -> list[int]:
    """The order that a reply names, from 0: each number once, unknown ones left out, missing ones after the others."""
    numbers = [int(text) - 1 for text in re.findall(r"\[(\d{1,4})\]", reply)]
    named = list(dict.fromkeys(number for number in numbers if 0 <= number < count))
    return named + [number for number in range(count) if number not in set(named)]
