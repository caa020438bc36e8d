"""Models of mteb's registry, through its own loader, prompts and `encode`: what mteb measures is measured here.

Models of this family alone are told the task as mteb knows it, since their prompts hang on it. A loader that is nothing
but sentence-transformers reads a folder as well as a name of the hub; others are given the name that they know.
"""

from __future__ import annotations

import logging
import platform
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bench.adapters.complete import nothing_made_up
from bench.adapters.memory import batch_in_memory
from bench.encoding import BatchLimits, Side, TokenCount, unit_length
from bench.errors import BenchError, InputError, MissingError
from bench.retriever import Vectors
from bench.weights import Located, version

VERSION = 1
"""Of this adapter: raised when it would make other vectors of the same texts."""

TASKS = {"miracl": "MIRACLRetrieval", "mrtydi": "MrTidyRetrieval", "xquad": "XQuADRetrieval"}
"""The tasks here that are mteb's under another name; a task `mteb:NAME` is mteb's `NAME`."""

_FOLDER_LOADERS = ("SentenceTransformerEncoderWrapper", "InstructSentenceTransformerModel", "q3e_instruct_loader")


@dataclass(frozen=True)
class Registered:
    """An entry of mteb's registry: its name, the commit that it states or None, and mteb's own object."""

    name: str
    revision: str | None
    meta: Any

    @property
    def reads_folders(self) -> bool:
        """Whether its loader is sentence-transformers alone, which reads a folder as it reads a name."""
        return getattr(self.meta.loader, "__name__", "") in _FOLDER_LOADERS

    @property
    def needs_trust(self) -> bool:
        """Whether its loader runs code that lies beside the weights."""
        return bool(self.meta.loader_kwargs.get("trust_remote_code"))

    @property
    def similarity(self) -> str:
        """`cosine` or `dot`; InputError for another, which no inner product gives."""
        found = getattr(self.meta.similarity_fn_name, "value", self.meta.similarity_fn_name) or "cosine"
        if found not in ("cosine", "dot"):
            raise InputError(f"mteb:{self.name}: its similarity is {found!r}; only cosine and dot are an inner product")
        return str(found)


def registered(name: str) -> Registered:
    """The entry of that name; InputError with the nearest names for none, and for one that is no dense model."""
    with _quiet():
        import mteb
        from mteb.models.model_implementations import MODEL_REGISTRY
    try:
        meta = mteb.get_model_meta(name, fetch_from_hf=False)
    except KeyError as error:
        from bench.errors import unknown

        raise unknown("model of mteb", name, MODEL_REGISTRY, "mteb.get_model_metas()") from error
    if "dense" not in meta.model_type:
        raise InputError(f"mteb:{name}: mteb has it as {' and '.join(meta.model_type)}: only dense models are run so")
    revision = str(meta.revision or "")
    commit = revision if len(revision) == 40 and set(revision) <= set("0123456789abcdef") else None
    return Registered(str(meta.name), commit, meta)


def task_metadata(task: str | None, instruction: str | None) -> Any:
    """Mteb's metadata of a task of that name here; for one that mteb lacks, a retrieval task with its instruction."""
    with _quiet():
        import mteb
        from mteb.abstasks import AbsTaskRetrieval
    name = TASKS.get(task or "", (task or "").removeprefix("mteb:") if (task or "").startswith("mteb:") else None)
    if name:
        return mteb.get_task(name).metadata
    some = mteb.get_task("MIRACLRetrieval").metadata
    prompt = {"query": instruction or AbsTaskRetrieval.abstask_prompt}
    return some.model_copy(update={"name": task or "Retrieval", "prompt": prompt})


class MtebEncoder:
    """The encoder that mteb builds for a model; it is loaded at the first text that needs it."""

    uses_language = False
    limits = BatchLimits(tokens=None, texts=64)

    def __init__(self, entry: Registered, weights: Located | None, metadata: Any, device: str | None) -> None:
        self._entry, self._weights, self._metadata, self._device = entry, weights, metadata, device
        self._similarity = entry.similarity

    def recipe(self, side: Side) -> dict[str, Any]:
        """All that makes the vectors of one side."""
        stated = self._entry.meta
        return {
            "adapter": "mteb",
            "version": VERSION,
            "mteb": version("mteb"),
            "weights": self._weights.identity if self._weights else {"mteb": self._entry.name},
            "loader": getattr(stated.loader, "__name__", str(stated.loader)),
            "options": {key: _spelled(value) for key, value in sorted(stated.loader_kwargs.items())},
            "side": side,
            "task": {key: _spelled(getattr(self._metadata, key)) for key in ("name", "type", "prompt")},
            "similarity": self._similarity,
            "stored": "float32",
        }

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
        inner: Any = getattr(self._model, "model", None)
        if not (hasattr(inner, "preprocess") and hasattr(inner, "tokenizer")):
            return text
        seen: list[str] = []
        original = inner.preprocess

        def watched(*arguments: Any, **options: Any) -> Any:
            features = original(*arguments, **options)
            seen.extend(inner.tokenizer.batch_decode(features["input_ids"]))
            return features

        inner.preprocess = watched
        try:
            self._encode([text], side)
        finally:
            del inner.preprocess
        return seen[0] if seen else text

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
        with batch_in_memory(f"mteb:{self._entry.name}"), _quiet():
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
        from transformers.utils import logging as bars

        bars.disable_progress_bar()  # type: ignore[no-untyped-call]
        name, meta = f"mteb:{self._entry.name}", self._entry.meta
        if self._weights and self._entry.reads_folders:
            meta = meta.model_copy(update={"name": str(self._weights.folder), "revision": None})
        try:
            with _quiet(), nothing_made_up(name):
                return meta.load_model(device=self._device)
        except BenchError:
            raise
        except ImportError as error:
            raise MissingError(f"{name}: mteb's loader needs a package that is not here: {error}") from error
        except Exception as error:  # each loader raises its own
            raise MissingError(f"{name}: mteb's loader failed: {type(error).__name__}: {error}") from error


def _spelled(value: Any) -> Any:
    """A value of mteb's as JSON: functions by their names, enumerations by their values."""
    if isinstance(value, dict):
        return {str(key): _spelled(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(inner) for inner in value]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    plain = value is None or type(value) in (str, int, float, bool)
    return value if plain else str(getattr(value, "value", value))


@contextmanager
def _quiet() -> Iterator[None]:
    """Mteb and what it calls speak of their progress as warnings; what goes wrong is raised all the same."""
    loud = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(loud)
