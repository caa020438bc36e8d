"""Any sentence-transformers model as an encoder: prompts, pooling, similarity, lengths and dtype from its card.

What the card leaves out is read from the model's own folder, so that the recipe states it without loading the model.
Texts reach the library with the exact prompt; cosine similarity is the inner product of normalised vectors.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bench.adapters.complete import nothing_made_up, parts, refuse_incomplete
from bench.adapters.families import DENSE, Family
from bench.adapters.memory import batch_in_memory, is_full
from bench.adapters.own_prompts import own_prompts
from bench.adapters.remote_code import UNTRUSTED, code_options
from bench.encoding import BatchLimits, Side, TokenCount
from bench.errors import InputError, MissingError, StoppedError
from bench.forms import SINGLE
from bench.model import Lengths, Sides
from bench.weights import Located, version

VERSION = 1
"""Of this adapter: raised when it would make other vectors of the same texts."""

# Tokens a batch, padding included: on a CPU small batches stay in its caches, on a GPU large ones fill it.
_CPU_LIMITS = BatchLimits(tokens=4096, texts=64)
_GPU_LIMITS = BatchLimits(tokens=65536, texts=512)


@dataclass(frozen=True)
class Settings:
    """What a card or an option says of how to encode; None is the model's own.

    `remote_code` says which trusted code runs: commits by repository, or `.` for the folder's own files.
    """

    prompts: Sides | None = None
    pooling: str | None = None
    similarity: str | None = None
    max_length: Lengths = field(default_factory=Lengths)
    dtype: str = "float32"
    device: str | None = None
    trust_remote_code: bool = False
    remote_code: dict[str, Any] | None = None


class SentenceTransformerEncoder:
    """Texts to vectors by a sentence-transformers folder; the model is loaded at the first text that needs it.

    `family` says which of the library's kinds of model it is, and so the form of its vectors.
    """

    uses_language = False

    def __init__(self, weights: Located, settings: Settings, family: Family = DENSE) -> None:
        refuse_incomplete(weights)
        family.refuse_without_head(weights)
        self._weights, self._settings, self._family = weights, settings, family
        self.form = family.form
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
            "backend": "torch",
            "attention": "default",
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

    def prompt(self, side: Side) -> str:
        """The exact text put before every text of that side."""
        return self._prompts.query if side == "query" else self._prompts.document

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        """One forward pass over the texts, in the form of the family."""
        encode = self.model.encode_query if side == "query" else self.model.encode_document
        with batch_in_memory(self._weights.name):
            vectors = encode(
                list(texts),
                prompt=self.prompt(side),
                batch_size=max(1, len(texts)),
                show_progress_bar=False,
                **self._family.options,
            )
        return self._family.convert(vectors, self._similarity)

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount:
        """By the model's own tokenizer, prompt and specials included."""
        tokenizer = self.model.tokenizer
        rows = tokenizer([self.prompt(side) + text for text in texts], truncation=False)["input_ids"]
        limit = self._effective_limit(side)
        lengths = np.array([min(len(row), limit) for row in rows], dtype=np.int64)
        own = getattr(tokenizer, "unk_token_id", None)
        unknown_id: int = -1 if own is None else own
        specials = set(tokenizer.all_special_ids) - {unknown_id}
        unknown = sum(_before_cut(row, limit, specials).count(unknown_id) for row in rows)
        return TokenCount(lengths, sum(len(row) > limit for row in rows), unknown)

    def rendered(self, text: str, side: Side) -> str:
        """The text as the model sees it, specials included, truncated as it is."""
        model, task = self.model, side
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
            "device": device.type,
            "hardware": name,
            "threads": torch.get_num_threads(),
        }

    @cached_property
    def model(self) -> Any:
        """The library's model, loaded at its first use."""
        import sentence_transformers
        import torch
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        settings = self._settings
        code = code_options(settings.remote_code)
        try:
            with nothing_made_up(self._weights.name):
                model = getattr(sentence_transformers, self._family.library)(
                    str(self._weights.folder),
                    device=settings.device,
                    trust_remote_code=settings.trust_remote_code,
                    local_files_only=True,
                    model_kwargs={"dtype": getattr(torch, settings.dtype), **code},
                    config_kwargs=code,
                )
        except MissingError:
            raise
        except Exception as error:  # tokenizers and safetensors raise nothing more special for a damaged file
            if is_full(error):
                raise StoppedError(f"{self._weights.name}: there is not enough memory for these weights") from error
            if "trust_remote_code" in str(error) and not settings.trust_remote_code:
                raise InputError(f"{self._weights.name}: {UNTRUSTED}") from error
            raise MissingError(f"{self._weights.name}: cannot load these weights: {error}") from error
        self._set_pooling(model)
        self._set_lengths(model)
        return model

    def _set_pooling(self, model: Any) -> None:
        """The card's pooling in the place of the folder's own."""
        from sentence_transformers.sentence_transformer.modules import Pooling

        wanted = self._settings.pooling
        if wanted is None:
            return
        places = [i for i, module in enumerate(model) if isinstance(module, Pooling)]
        if not places:
            raise InputError(f"{self._weights.name}: its card says `pooling: {wanted}`, and the model has no pooling")
        for i in places:
            if model[i].pooling_mode != wanted:
                model[i] = Pooling(model[i].embedding_dimension, wanted, model[i].include_prompt)

    def _set_lengths(self, model: Any) -> None:
        """The card's lengths in the place of the folder's; a side that the card leaves out keeps its own."""
        lengths = self._settings.max_length
        both = lengths.query is not None and lengths.query == lengths.document
        if both:
            model.max_seq_length = lengths.query
        for name, limit in (("query_length", lengths.query), ("document_length", lengths.document)):
            if limit is not None and hasattr(model[0], name):
                setattr(model[0], name, limit)
            elif limit is not None and not both:
                raise InputError(f"{self._weights.name}: its card gives the sides different lengths; the model has one")

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


def _before_cut(row: list[int], limit: int, specials: set[int]) -> list[int]:
    """The text's tokens that are left at a limit: specials at the end keep their place when a text is cut."""
    if len(row) <= limit:
        return row
    tail = next((i for i, token in enumerate(reversed(row)) if token not in specials), 0)
    return row[: limit - tail]
