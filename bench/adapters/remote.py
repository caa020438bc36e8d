"""Embeddings from an OpenAI-compatible endpoint: `POST <address>/embeddings` with texts, vectors back.

Several requests are under way at once; every reply is kept until its shard is stored, so that a crash pays for nothing
twice. The endpoint may change its model without a word: the vector of one text is kept, and another one for it later
stops the run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.encoding import BatchLimits, Side, TokenCount, unit_length
from bench.endpoint import Endpoint
from bench.errors import StoppedError
from bench.model import Sides
from bench.replies import Replies, request_of
from bench.retriever import Vectors

PROBE = "What does this sentence look like as a vector?"
"""The text whose vector tells whether the model behind an address is still the same."""

_SAME = 0.999  # Cosine: far above what batches and hardware change, far below what another model gives.
_MALFORMED = 3


@dataclass(frozen=True)
class Served:
    """What the endpoint serves and how to ask: model names by side, prompts, further fields of a request by side.

    `price` is per million tokens, in `currency`; `revision` is what the user says of the version, if anything.
    """

    query: str
    document: str
    revision: str | None = None
    prompts: Sides = field(default_factory=Sides)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    batch: int = 64
    concurrency: int = 4
    price: float | None = None
    currency: str = "USD"

    def model(self, side: Side) -> str:
        """The model's name for a side."""
        return self.query if side == "query" else self.document

    def prompt(self, side: Side) -> str:
        """What is put before every text of a side."""
        return self.prompts.query if side == "query" else self.prompts.document


class RemoteEncoder:
    """Encoder of texts by an endpoint: vectors of unit length, so that relevance is the cosine.

    An empty text is sent as a blank.

    `replies` holds the replies of requests whose shard may not be stored yet, `probes` the vector of `PROBE`; None
    keeps nothing.
    """

    uses_language = False

    def __init__(
        self, endpoint: Endpoint, served: Served, replies: Replies | None = None, probes: Replies | None = None
    ) -> None:
        self._endpoint, self._served, self._replies, self._probes = endpoint, served, replies, probes
        self._spent = {"tokens": 0, "requests": 0}
        self._lock = threading.Lock()
        self._known: set[Side] = set()

    @property
    def limits(self) -> BatchLimits:
        return BatchLimits(tokens=None, texts=self._served.batch * self._served.concurrency)

    def recipe(self, side: Side) -> dict[str, Any]:
        return {
            "adapter": "openai",
            "version": 1,
            "address": self._endpoint.address.stored,
            "model": self._served.model(side),
            "revision": self._served.revision,
            "prompt": self._served.prompt(side),
            "fields": self._served.fields.get(side, {}),
            "side": side,
            "stored": "float32",
        }

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Vectors:
        self._refuse_another_model(side)
        size = self._served.batch
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        with ThreadPoolExecutor(self._served.concurrency) as pool:
            vectors = list(pool.map(lambda part: self._vectors(part, side), parts))
        widths = {part.shape[1] for part in vectors}
        if len(widths) > 1:
            raise StoppedError(f"{self._where}: vectors of {min(widths)} and of {max(widths)} dimensions")
        return unit_length(np.concatenate(vectors))

    @property
    def asks(self) -> str:
        """The address, as results name it."""
        return self._endpoint.address.stored

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        return None

    def rendered(self, text: str, side: Side) -> str:
        return self._served.prompt(side) + text or " "

    def environment(self) -> dict[str, Any]:
        return {"endpoint": self._endpoint.address.stored, "model": self._served.query}

    def spent(self) -> dict[str, Any]:
        """Tokens and requests since the last call of this function, with their price where one is known."""
        with self._lock:
            spent: dict[str, Any] = dict(self._spent)
            self._spent = dict.fromkeys(self._spent, 0)
        if self._served.price is not None:
            spent[self._served.currency] = spent["tokens"] * self._served.price / 1e6
        return spent

    @property
    def _where(self) -> str:
        return f"{self._endpoint.address.url}: {self._served.query}"

    def _vectors(self, texts: Sequence[str], side: Side) -> Vectors:
        """The vectors of one request, kept or asked for."""
        payload = {
            "model": self._served.model(side),
            "input": [self.rendered(text, side) for text in texts],
            "encoding_format": "float",
            **self._served.fields.get(side, {}),
        }
        request = request_of(self._endpoint.address.stored, "embeddings", payload | {"as": self._served.revision})
        kept = self._replies.get(request) if self._replies else None
        if kept is not None:
            return np.frombuffer(kept, dtype="<f4").reshape(len(texts), -1)
        vectors = self._asked(payload, len(texts))
        if self._replies:
            self._replies.put(request, vectors.astype("<f4").tobytes())
        return vectors

    def _asked(self, payload: dict[str, Any], count: int) -> Vectors:
        fault = ""
        for _ in range(_MALFORMED):
            reply = self._endpoint.post("embeddings", payload)
            self._count(reply.get("usage"))
            try:
                return _parsed(reply, count)
            except (ValueError, KeyError, TypeError) as error:
                fault = str(error)
        raise StoppedError(f"{self._where}: {_MALFORMED} replies were no embeddings of {count} texts: {fault}")

    def _count(self, usage: object) -> None:
        tokens = usage.get("total_tokens", usage.get("prompt_tokens", 0)) if isinstance(usage, dict) else 0
        with self._lock:
            self._spent["requests"] += 1
            self._spent["tokens"] += tokens if isinstance(tokens, int) else 0

    def _refuse_another_model(self, side: Side) -> None:
        """Once a process and side: the probe's vector is the one that was kept, or is kept now."""
        if self._probes is None or side in self._known:
            return
        payload = {
            "model": self._served.model(side),
            "input": [self.rendered(PROBE, side)],
            "encoding_format": "float",
            **self._served.fields.get(side, {}),
        }
        seen = unit_length(self._asked(payload, 1))[0]
        request = {"probe": self.recipe(side)}
        kept = self._probes.get(request)
        if kept is None:
            self._probes.put(request, seen.astype("<f4").tobytes())
        else:
            before = np.frombuffer(kept, dtype="<f4")
            if before.shape != seen.shape or float(before @ seen) < _SAME:
                raise StoppedError(
                    f"{self._where}: another vector for the same text than before: the model behind it "
                    "has changed; name its version (openai:URL#MODEL@VERSION), so that the two are kept apart"
                )
        self._known.add(side)


def _parsed(reply: dict[str, Any], count: int) -> Vectors:
    """The vectors of a reply in the order of `index`; ValueError, KeyError or TypeError say what is wrong with it."""
    rows = sorted(reply["data"], key=lambda row: int(row["index"]))
    if [row["index"] for row in rows] != list(range(count)):
        raise ValueError(f"{len(rows)} vectors, or with other numbers than 0 to {count - 1}")
    vectors = np.array([row["embedding"] for row in rows], dtype=np.float32)
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise ValueError("vectors of several lengths, or of none")
    if not np.isfinite(vectors).all():
        raise ValueError("a value that is no finite number")
    return vectors
