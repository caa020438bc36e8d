"""A language model behind an OpenAI-compatible endpoint: `POST <address>/chat/completions`, replies kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from bench.endpoint import Endpoint
from bench.errors import StoppedError
from bench.replies import Replies, request_of

_EMPTY = 3


@dataclass
class LanguageModel:
    """Asks one question at a time, several at once, at temperature 0; what was asked before is not asked again.

    `asked`, `kept` and `tokens` count the questions that went out, those that were answered from disk, and what the
    endpoint says it used.
    """

    endpoint: Endpoint
    model: str
    version: str | None = None
    replies: Replies | None = None
    concurrency: int = 4
    longest: int = 1024
    spent: dict[str, int] = field(default_factory=lambda: {"asked": 0, "kept": 0, "tokens": 0})

    def recipe(self) -> dict[str, Any]:
        """All that makes the answers, apart from the questions."""
        return {
            "address": self.endpoint.address.stored,
            "model": self.model,
            "version": self.version,
            "temperature": 0,
            "max_tokens": self.longest,
        }

    def answers(self, questions: Sequence[str]) -> list[str]:
        """The answer to every question, in order. StoppedError where the endpoint has none."""
        with ThreadPoolExecutor(self.concurrency) as pool:
            return list(pool.map(self.answer, questions))

    def answer(self, question: str) -> str:
        """The answer to one question."""
        payload = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": self.longest,
        }
        request = request_of(self.endpoint.address.stored, "chat/completions", payload | {"as": self.version})
        known = self.replies.get(request) if self.replies else None
        if known is not None:
            self.spent["kept"] += 1
            return known.decode()
        text = self._asked(payload)
        if self.replies:
            self.replies.put(request, text.encode())
        return text

    def _asked(self, payload: dict[str, Any]) -> str:
        for _ in range(_EMPTY):
            reply = self.endpoint.post("chat/completions", payload)
            usage = reply.get("usage")
            self.spent["asked"] += 1
            self.spent["tokens"] += usage.get("total_tokens", 0) if isinstance(usage, dict) else 0
            try:
                text = reply["choices"][0]["message"]["content"]
            except (KeyError, IndexError, TypeError):
                text = None
            if isinstance(text, str) and text.strip():
                return text.strip()
        raise StoppedError(f"{self.endpoint.address.url}: {self.model}: {_EMPTY} replies without an answer")
