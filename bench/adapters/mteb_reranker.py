"""Cross-encoders of mteb's registry as re-rankers, through its own loader and `predict`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bench.adapters.memory import batch_in_memory
from bench.adapters.mteb_registry import Registered, silent
from bench.adapters.watched import watched
from bench.collection import Doc, Query
from bench.encoding import OutOfMemory
from bench.errors import StoppedError
from bench.retriever import Sent
from bench.weights import Located, version

_BATCH = 32


class MtebReranker:
    """A `bench.retriever.Reranker`: what mteb's model predicts for each pair, with mteb's own final function."""

    def __init__(
        self, entry: Registered, weights: Located | None, metadata: Any, device: str | None, code: Any = None
    ) -> None:
        self._entry, self._weights, self._metadata, self._device = entry, weights, metadata, device
        self._code, self._batch = code, _BATCH
        self.remarks: list[str] = []

    def recipe(self) -> dict[str, Any]:
        """All that makes the scores; loads no weights."""
        own = {"adapter": "mteb cross-encoder", "version": 1}
        return own | self._entry.recipe(self._weights, self._metadata, self._code)

    def score_all(self, pairs: Sequence[tuple[Query, Sequence[Doc]]]) -> list[list[float]]:
        """A score for every document, query by query: higher is more relevant."""
        return [self._scores(query.text, [doc.text for doc in docs]) for query, docs in pairs]

    def sent(self, query: Query, docs: Sequence[Doc]) -> Sent:
        """The pair of the query and the first document as the tokenizer gives it."""
        text = docs[0].text
        found = watched(getattr(self._model, "model", None), lambda: self._predicted(query.text, [text]))
        return found or Sent(f"{query.text} {text}")

    def environment(self) -> dict[str, Any]:
        """Versions and device that the scores were made with."""
        names = ("mteb", "sentence-transformers", "transformers", "torch")
        device = str(getattr(getattr(self._model, "model", None), "device", self._device or "unknown"))
        return {name: version(name) for name in names} | {"device": device.partition(":")[0]}

    def _scores(self, query: str, texts: list[str]) -> list[float]:
        while texts:
            try:
                return [float(score) for score in self._predicted(query, texts)]
            except OutOfMemory as error:
                if self._batch == 1:
                    raise StoppedError(f"{error}: it does not hold one pair of texts") from error
                self._batch //= 2
                self.remarks.append(f"{error}: it goes on with {self._batch} pairs at a time")
        return []

    def _predicted(self, query: str, texts: list[str]) -> Any:
        from datasets import Dataset  # type: ignore[import-untyped]
        from torch.utils.data import DataLoader

        # Some of its wrappers read the query under one name, some under the other.
        asked = Dataset.from_dict({"text": [query] * len(texts), "query": [query] * len(texts)})
        model, size = self._model, min(self._batch, len(texts))
        with batch_in_memory(f"mteb:{self._entry.name}"), silent():
            scores = model.predict(
                DataLoader(asked, batch_size=size),
                DataLoader(Dataset.from_dict({"text": texts}), batch_size=size),
                task_metadata=self._metadata,
                hf_split="test",
                hf_subset="default",
                batch_size=size,
                show_progress_bar=False,
            )
        found = scores.detach().float().cpu().numpy() if hasattr(scores, "detach") else np.asarray(scores)
        if found.size != len(texts):
            raise StoppedError(f"mteb:{self._entry.name}: {found.size} scores for {len(texts)} texts")
        return found.reshape(-1)

    @cached_property
    def _model(self) -> Any:
        return self._entry.load(self._weights, self._device)
