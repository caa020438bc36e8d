"""Any sentence-transformers model as an encoder: prompts, pooling, similarity, lengths and dtype from its card.

What the card leaves out is read from the model's own folder, so that the recipe states it without loading the model.
Texts reach the library with the exact prompt; cosine similarity is the inner product of normalised vectors.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import Any

from bench.adapters.backend import refuse_absent_backend, versions
from bench.adapters.complete import parts, refuse_incomplete
from bench.adapters.families import DENSE, Family
from bench.adapters.loaded import Settings, loaded
from bench.adapters.memory import batch_in_memory
from bench.adapters.own_prompts import own_prompts
from bench.adapters.tokenised import Features, Row, TokenisedTexts, Tokeniser
from bench.encoding import BatchLimits, Side, TokenCount
from bench.errors import InputError
from bench.forms import SINGLE
from bench.weights import Located, version

VERSION = 1
"""Of this adapter: raised when it would make other vectors of the same texts."""

_LOADING = Lock()  # Whoever needs a model first loads it, be it the thread that works ahead.

# Tokens a batch, padding included: on a CPU small batches stay in its caches, on a GPU large ones fill it.
_CPU_LIMITS = BatchLimits(tokens=4096, texts=64)
_GPU_LIMITS = BatchLimits(tokens=65536, texts=512)


__all__ = ["SentenceTransformerEncoder", "Settings"]


class SentenceTransformerEncoder:
    """Texts to vectors by a sentence-transformers folder; the model is loaded at the first text that needs it.

    `family` says which of the library's kinds of model it is, and so the form of its vectors.
    """

    uses_language = False

    def __init__(self, weights: Located, settings: Settings, family: Family = DENSE) -> None:
        refuse_incomplete(weights)
        family.refuse_without_head(weights)
        refuse_absent_backend(weights.name, settings.backend, settings.dtype, settings.attention)
        self._weights, self._settings, self._family = weights, settings, family
        self.form = family.form
        self._features, self._lock = Features(), Lock()
        own = weights.config("config_sentence_transformers.json")
        prompts = own_prompts(weights)
        self._prompts = settings.prompts or prompts
        self._similarity = settings.similarity or own.get("similarity_fn_name") or family.similarities[0]
        if self._similarity not in family.similarities:
            raise InputError(
                f"{weights.name}: its similarity is {self._similarity!r}; a card can say `similarity: "
                f"{' or '.join(family.similarities)}`"
            )

    @property
    def mean_of_queries(self) -> bool:
        """Whether MaxSim is divided by the number of a query's vectors."""
        return str(self._similarity) == "meanmaxsim"

    def recipe(self, side: Side) -> dict[str, Any]:
        """All that makes the vectors of one side."""
        return {
            "adapter": self._family.adapter,
            "version": VERSION,
            "weights": self._weights.identity,
            "side": side,
            "prompt": self.prompt(side),
            "max_length": self._limit(side),
            "pooling": self._settings.pooling or self._own_pooling(),
            "projection": self._projection(),
            "similarity": self._similarity,
            "dtype": self._settings.dtype,
            "stored": "float32",
            "backend": self._settings.backend,
            "attention": self._settings.attention or "default",
        } | ({"remote_code": self._settings.remote_code} if self._settings.remote_code else {})

    @property
    def dimension(self) -> int | None:
        """The length of a vector as the folder states it; None where it does not, or where a text has several."""
        if self.form is not SINGLE:
            return None
        config = self._weights.config("config.json")
        stated = [layer.get("out_features") for layer in self._projection() or ()][-1:]
        stated += [config.get(key) for key in ("hidden_size", "d_model", "dim")]
        return next((number for number in stated if isinstance(number, int)), None)

    def reference(self) -> SentenceTransformerEncoder | None:
        """The same model in float32 as the library has it by itself; None where this is it."""
        plain = replace(self._settings, dtype="float32", attention=None, backend="torch")
        return None if plain == self._settings else SentenceTransformerEncoder(self._weights, plain, self._family)

    @property
    def bytes_in_float32(self) -> int:
        """What its weights take in float32, as far as the files tell."""
        files = [p.stat().st_size for p in self._weights.folder.rglob("*") if p.suffix in (".safetensors", ".bin")]
        stored = str(
            self._weights.config("config.json").get("dtype") or self._weights.config("config.json").get("torch_dtype")
        )
        return sum(files) * (2 if stored.endswith("16") else 1)

    def prompt(self, side: Side) -> str:
        """The exact text put before every text of that side."""
        return self._prompts.query if side == "query" else self._prompts.document

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        """One forward pass over the texts, in the form of the family."""
        return self._passed(list(texts), side)

    def prepare(self, texts: Sequence[str], side: Side) -> TokenisedTexts:
        """The texts tokenised, for batches of them to be encoded without doing it again."""
        tokeniser = self._tokeniser(side)
        rows = tokeniser.rows(texts)
        return TokenisedTexts(texts, rows, tokeniser.count(rows), lambda some, own: self.encode_tokens(some, own, side))

    def encode_tokens(self, texts: list[str], rows: list[Row], side: Side) -> Any:
        """`encode`, given the tokens of the texts."""
        with self._handed(self._tokeniser(side), side, dict(zip(texts, rows, strict=True))):
            return self._passed(texts, side)

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount:
        """By the model's own tokenizer, prompt and specials included."""
        tokeniser = self._tokeniser(side)
        return tokeniser.count(tokeniser.rows(texts))

    def _passed(self, texts: list[str], side: Side) -> Any:
        encode = self.model.encode_query if side == "query" else self.model.encode_document
        with batch_in_memory(self._weights.name):
            vectors = encode(
                texts,
                prompt=self.prompt(side),
                batch_size=max(1, len(texts)),
                show_progress_bar=False,
                **self._family.options,
            )
        return self._family.convert(vectors, self._similarity)

    @contextmanager
    def _handed(self, tokeniser: Tokeniser, side: Side, rows: dict[str, Row]) -> Iterator[None]:
        """Inside, the library is given these tokens of texts where it would make its own."""
        model = self.model
        own = model.preprocess

        def preprocess(inputs: Sequence[str], **options: Any) -> Any:
            return self._features.of(tokeniser, side, [rows[text] for text in inputs], lambda: own(inputs, **options))

        model.preprocess = preprocess
        try:
            yield
        finally:
            del model.preprocess

    def _tokeniser(self, side: Side) -> Tokeniser:
        return Tokeniser(self.model.tokenizer, self.prompt(side), self._effective_limit(side), self._lock)

    def rendered(self, text: str, side: Side) -> str:
        """The text as the model sees it, specials included, truncated as it is."""
        model, task = self.model, side
        with self._lock:
            features = model.preprocess([text], prompt=self.prompt(side), task=task)
        return str(model.tokenizer.decode(features["input_ids"][0]))

    @property
    def limits(self) -> BatchLimits:
        return _GPU_LIMITS if self.model.device.type == "cuda" else _CPU_LIMITS

    def environment(self) -> dict[str, Any]:
        """Versions and device that the vectors were made with."""
        import torch

        device = self.model.device
        name = (
            torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
        )
        return {
            "sentence-transformers": version("sentence-transformers"),
            "transformers": version("transformers"),
            "torch": torch.__version__,
            **versions(self._settings.backend),
            "device": device.type,
            "hardware": name,
            "threads": torch.get_num_threads(),
        }

    @cached_property
    def model(self) -> Any:
        """The library's model, loaded at its first use."""
        with _LOADING:
            return self.__dict__.get("model") or loaded(self._weights, self._settings, self._family.library)

    def _limit(self, side: Side) -> int | None:
        """The limit that card or folder state, None where only the architecture limits."""
        asked = self._settings.max_length.query if side == "query" else self._settings.max_length.document
        own = self._weights.config("sentence_bert_config.json")
        return asked or own.get(f"{side}_length") or own.get("max_seq_length") or self._tokenizer_limit()

    def _tokenizer_limit(self) -> int | None:
        """As the library has it: the tokenizer's limit, or the model's positions where those are fewer."""
        stated = [
            self._weights.config("tokenizer_config.json").get("model_max_length"),
            self._weights.config("config.json").get("max_position_embeddings"),
        ]
        # A tokenizer without a limit states 10^30, a model without one -1.
        return min((int(n) for n in stated if n is not None and 0 < n < 1 << 30), default=None)

    def _effective_limit(self, side: Side) -> int:
        most = self._limit(side) or self.model.max_seq_length or self.model.tokenizer.model_max_length
        return int(min(most, 1 << 30))

    def _projection(self) -> list[dict[str, Any]] | None:
        """The dense layers after the pooling as the folder states them, None where it has none."""
        keys = ("in_features", "out_features", "bias", "activation_function")
        layers = [{key: p.config.get(key) for key in keys} for p in parts(self._weights) if p.kind == "Dense"]
        return layers or None

    def _own_pooling(self) -> str | None:
        """What the library takes for a plain folder; None where modules.json says it."""
        if self._weights.config_exists("modules.json"):
            return None
        config = self._weights.config("config.json")
        causal = any(name.endswith("ForCausalLM") for name in (config.get("architectures") or [])[:1])
        return "lasttoken" if causal and config.get("is_causal", True) else "mean"
