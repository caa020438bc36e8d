"""Mteb's registry of models: what it states of each, which task a model is told, and how a model is loaded.

Models of this family alone are told the task as mteb knows it, since their prompts hang on it. A loader that is nothing
but sentence-transformers reads a folder as well as a name of the hub; others are given the name that they know.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

from bench.adapters.accelerators import refuse_absent
from bench.adapters.complete import nothing_made_up
from bench.errors import BenchError, InputError, MissingError, unknown
from bench.weights import Located, version

TASKS = {"miracl": "MIRACLRetrieval", "mrtydi": "MrTidyRetrieval", "xquad": "XQuADRetrieval"}
"""The tasks here that are mteb's under another name; a task `mteb:NAME` is mteb's `NAME`."""

_FOLDER_LOADERS = (
    *("SentenceTransformerEncoderWrapper", "InstructSentenceTransformerModel", "q3e_instruct_loader"),
    "CrossEncoderWrapper",
)
_SEARCH_LOADERS = ("bm25_loader", "bb25_loader")


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
    def kinds(self) -> tuple[str, ...]:
        """What mteb says it is: `dense`, `cross-encoder`, `sparse`, `late-interaction`, .."""
        return tuple(map(str, self.meta.model_type))

    @property
    def searches(self) -> bool:
        """Whether its loader gives something that indexes and searches by itself, as that of bm25 does."""
        return getattr(self.meta.loader, "__name__", "") in _SEARCH_LOADERS

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

    def recipe(self, weights: Located | None, metadata: Any, code: Any = None) -> dict[str, Any]:
        """What of a model's recipe is mteb's: version, weights, loader with its options, task, trusted code."""
        return {
            "mteb": version("mteb"),
            "weights": weights.identity if weights else {"mteb": self.name},
            "loader": getattr(self.meta.loader, "__name__", str(self.meta.loader)),
            "options": {key: _spelled(value) for key, value in sorted(self.meta.loader_kwargs.items())},
            "task": {key: _spelled(getattr(metadata, key)) for key in ("name", "type", "prompt")},
        } | ({"remote_code": code} if code else {})

    def load(self, weights: Located | None, device: str | None) -> Any:
        """What its loader makes of a folder or of its name; MissingError where that fails."""
        from transformers.utils import logging as bars

        bars.disable_progress_bar()  # type: ignore[no-untyped-call]
        refuse_absent(device)
        name, meta = f"mteb:{self.name}", self.meta
        if weights and self.reads_folders:
            meta = meta.model_copy(update={"name": str(weights.folder), "revision": None})
        try:
            with quiet(), nothing_made_up(name):
                return meta.load_model(device=device)
        except BenchError:
            raise
        except ImportError as error:
            raise MissingError(f"{name}: mteb's loader needs a package that is not here: {error}") from error
        except Exception as error:  # each loader raises its own
            raise MissingError(f"{name}: mteb's loader failed: {type(error).__name__}: {error}") from error


def registered(name: str) -> Registered:
    """The entry of that name; InputError with the nearest names where there is none."""
    with quiet():
        import mteb
        from mteb.models.model_implementations import MODEL_REGISTRY
    try:
        meta = mteb.get_model_meta(name, fetch_from_hf=False)
    except KeyError as error:
        raise unknown("model of mteb", name, MODEL_REGISTRY, "mteb.get_model_metas()") from error
    revision = str(meta.revision or "")
    commit = revision if len(revision) == 40 and set(revision) <= set("0123456789abcdef") else None
    return Registered(str(meta.name), commit, meta)


def task_metadata(task: str | None, instruction: str | None) -> Any:
    """Mteb's metadata of a task of that name here; for one that mteb lacks, a retrieval task with its instruction."""
    with quiet():
        import mteb
        from mteb.abstasks import AbsTaskRetrieval
    name = TASKS.get(task or "", (task or "").removeprefix("mteb:") if (task or "").startswith("mteb:") else None)
    if name:
        return mteb.get_task(name).metadata
    some = mteb.get_task("MIRACLRetrieval").metadata
    prompt = {"query": instruction or AbsTaskRetrieval.abstask_prompt}
    return some.model_copy(update={"name": task or "Retrieval", "prompt": prompt})


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
def quiet() -> Iterator[None]:
    """Mteb and what it calls speak of their progress as warnings; what goes wrong is raised all the same."""
    loud = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(loud)


@contextmanager
def silent() -> Iterator[None]:
    """Quiet, and without the bars that some of its libraries draw whatever they are told."""
    with quiet(), redirect_stderr(io.StringIO()):
        yield
