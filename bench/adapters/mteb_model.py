"""Dense models of mteb's registry, through its own loader, prompts and `encode`: as mteb measures them."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bench.adapters.memory import batch_in_memory
from bench.adapters.mteb_registry import Registered, quiet
from bench.adapters.watched import watched
from bench.encoding import BatchLimits, Side, TokenCount, unit_length
from bench.retriever import Sent, Vectors
from bench.weights import Located, version

VERSION = 1
"""Of this adapter: raised when it would make other vectors of the same texts."""


class MtebEncoder:
    """The encoder that mteb builds for a model; it is loaded at the first text that needs it."""

    uses_language = False
    limits = BatchLimits(tokens=None, texts=64)

    def __init__(
        self, entry: Registered, weights: Located | None, metadata: Any, device: str | None, code: Any = None
    ) -> None:
        self._entry, self._weights, self._metadata, self._device = entry, weights, metadata, device
        self._similarity, self._code = entry.similarity, code

    def recipe(self, side: Side) -> dict[str, Any]:
        """All that makes the vectors of one side."""
        own = {"adapter": "mteb", "version": VERSION, "side": side, "similarity": self._similarity, "stored": "float32"}
        return own | self._entry.recipe(self._weights, self._metadata, self._code)

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Vectors:
        """One call of the model's own `encode`."""
        vectors = self._encode(list(texts), side)
        array = vectors.detach().float().cpu().numpy() if hasattr(vectors, "detach") else np.asarray(vectors)
        return unit_length(array) if self._similarity == "cosine" else np.asarray(array, dtype=np.float32)

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        """Mteb's models do not tell."""
        return None

    def rendered(self, text: str, side: Side) -> str:
        """The text as the tokenizer got it, specials included; the bare text where no tokenizer can be watched."""
        return self.sent(text, side).text

    def sent(self, text: str, side: Side) -> Sent:
        """The same with the number of its tokens and their limit."""
        inner: Any = getattr(self._model, "model", None)
        return watched(inner, lambda: self._encode([text], side)) or Sent(text)

    def environment(self) -> dict[str, Any]:
        """Versions and device that the vectors were made with."""
        names = ("mteb", "sentence-transformers", "transformers", "torch")
        device = str(getattr(getattr(self._model, "model", None), "device", self._device or "unknown"))
        return {name: version(name) for name in names} | {
            "device": device.partition(":")[0],
            "hardware": platform.processor() or platform.machine(),
        }

    def _encode(self, texts: list[str], side: Side) -> Any:
        from datasets import Dataset  # type: ignore[import-untyped]
        from mteb.types import PromptType
        from torch.utils.data import DataLoader

        inputs, model = DataLoader(Dataset.from_dict({"text": texts}), batch_size=len(texts)), self._model
        with batch_in_memory(f"mteb:{self._entry.name}"), quiet():
            return model.encode(
                inputs,
                task_metadata=self._metadata,
                hf_split="test",
                hf_subset="default",
                prompt_type=PromptType.query if side == "query" else PromptType.document,
                batch_size=len(texts),
                show_progress_bar=False,
            )

    @cached_property
    def _model(self) -> Any:
        return self._entry.load(self._weights, self._device)
