"""Cross-encoders of sentence-transformers as re-rankers: one score for a query and a document read together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bench.adapters.accelerators import refuse_absent
from bench.adapters.backend import library
from bench.adapters.complete import nothing_made_up, refuse_incomplete
from bench.adapters.memory import batch_in_memory
from bench.adapters.remote_code import code_options
from bench.adapters.watched import watched
from bench.collection import Doc, Query
from bench.encoding import OutOfMemory
from bench.errors import InputError, MissingError, StoppedError
from bench.retriever import Sent
from bench.weights import Located, version

_BATCH = 32


class CrossEncoderReranker:
    """A `bench.retriever.Reranker`: the model's logit for each pair, without the sigmoid, whose ends would be ties.

    `max_length` cuts pairs at so many tokens, None at the model's own limit. `code` says which trusted code of its own
    runs: commits by repository, or `.` for the folder's; None runs none.
    """

    def __init__(
        self, weights: Located, *, max_length: int | None = None, device: str | None = None, code: Any = None
    ) -> None:
        refuse_incomplete(weights)
        self._weights, self._max_length, self._device, self._code = weights, max_length, device, code
        self._batch = _BATCH
        self.remarks: list[str] = []

    def recipe(self) -> dict[str, Any]:
        """All that makes the scores; loads no weights."""
        return {
            "adapter": "cross-encoder",
            "version": 1,
            "weights": self._weights.identity,
            "max_length": self._max_length,
            "dtype": "float32",
        } | ({"remote_code": self._code} if self._code else {})

    def score_all(self, pairs: Sequence[tuple[Query, Sequence[Doc]]]) -> list[list[float]]:
        """A score for every document, query by query: higher is more relevant."""
        return [self._scores([(query.text, doc.text) for doc in docs]) for query, docs in pairs]

    def _scores(self, texts: list[tuple[str, str]]) -> list[float]:
        import torch

        if not texts:
            return []
        model = self._model
        while True:
            try:
                with batch_in_memory(self._weights.name):
                    found = model.predict(
                        texts, batch_size=self._batch, activation_fn=torch.nn.Identity(), show_progress_bar=False
                    )
                return [float(score) for score in np.asarray(found, dtype=np.float32).reshape(len(texts), -1)[:, 0]]
            except OutOfMemory as error:
                if self._batch == 1:
                    raise StoppedError(f"{error}: it does not hold one pair of texts") from error
                self._batch //= 2
                self.remarks.append(f"{error}: it goes on with {self._batch} pairs at a time")

    @cached_property
    def _model(self) -> Any:
        sentence_transformers = library()
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        refuse_absent(self._device)
        try:
            with nothing_made_up(self._weights.name):
                model = sentence_transformers.CrossEncoder(
                    str(self._weights.folder),
                    device=self._device,
                    trust_remote_code=self._code is not None,
                    local_files_only=True,
                    model_kwargs=code_options(self._code),
                    config_kwargs=code_options(self._code),
                )
        except MissingError:
            raise
        except Exception as error:  # a damaged file raises whatever its reader raises
            raise MissingError(f"{self._weights.name}: cannot load these weights: {error}") from error
        if model.num_labels != 1:
            raise InputError(
                f"{self._weights.name}: a re-ranker has one label, this model has {model.num_labels}: it classifies"
            )
        if self._max_length is not None:
            model.max_seq_length = self._max_length
        return model

    def sent(self, query: Query, docs: Sequence[Doc]) -> Sent:
        """The pair of the query and the first document as the tokenizer gives it, cut as it is."""
        text = docs[0].text
        return watched(self._model, lambda: self._scores([(query.text, text)])) or Sent(f"{query.text} {text}")

    def environment(self) -> dict[str, Any]:
        """Versions and device that the scores were made with."""
        names = ("sentence-transformers", "transformers", "torch")
        return {name: version(name) for name in names} | {"device": self._model.device.type}
