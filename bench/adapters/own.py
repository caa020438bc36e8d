"""A user's own model: a class by name (`python:MODULE:CLASS`), an object, or a function from texts to vectors.

Nobody can know what makes the vectors of such a model, so they are kept for one run only, unless the object states a
`fingerprint` (a text that changes whenever the vectors would): then they are stored and found again like any others.
"""

from __future__ import annotations

import importlib
import secrets
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.adapters.memory import is_full
from bench.collection import Corpus, Query
from bench.encoding import BatchLimits, OutOfMemory, Side, TokenCount, unit_length
from bench.errors import BenchError, InputError, StoppedError
from bench.ranking import Ranking, Run
from bench.retriever import Retriever, Vectors
from bench.weights import version


class OwnEncoder:
    """The encoder that a user's object is.

    A callable, one with `encode_queries` and `encode_docs`, or a SentenceTransformer (`encode_query`,
    `encode_document`), whose modules are left in training mode where they were in it.
    """

    uses_language = True
    limits = BatchLimits(tokens=None, texts=64)

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self.fingerprint: str | None = getattr(model, "fingerprint", None)
        self._key = self.fingerprint or secrets.token_hex(16)
        self._name = name

    def recipe(self, side: Side) -> dict[str, Any]:
        return {"adapter": "own", "version": 1, "weights": {"name": self._name, "fingerprint": self._key}, "side": side}

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Vectors:
        with _their_code(self._name, StoppedError):
            return self._encode(list(texts), side, language)

    def _encode(self, batch: list[str], side: Side, language: str) -> Vectors:
        model = self._model
        if hasattr(model, "encode_queries") and hasattr(model, "encode_docs"):
            encode = model.encode_queries if side == "query" else model.encode_docs
            return np.asarray(_host(encode(batch, language)), dtype=np.float32)
        if hasattr(model, "encode_query") and hasattr(model, "encode_document"):
            return _sentence_transformer(model, batch, side)
        return np.asarray(_host(model(batch)), dtype=np.float32)

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        return None

    def rendered(self, text: str, side: Side) -> str:
        return text

    def environment(self) -> dict[str, Any]:
        return {"python": sys.version.split()[0], "numpy": version("numpy")}


class OwnRetriever:
    """The retriever that a user's object is: what it raises or returns instead of a run is said to be its own."""

    def __init__(self, model: Retriever, name: str) -> None:
        self._model, self._name = model, name

    def index(self, corpus: Corpus, workdir: Path) -> None:
        with _their_code(self._name, StoppedError):
            self._model.index(corpus, workdir)

    def index_bytes(self) -> int | None:
        """What the object says of the size of its index, None if it says nothing."""
        if not hasattr(self._model, "index_bytes"):
            return None
        with _their_code(self._name, StoppedError):
            return int(self._model.index_bytes())

    def search(self, queries: Sequence[Query], k: int) -> Run:
        with _their_code(self._name, StoppedError):
            run: Any = self._model.search(queries, k)
        if not isinstance(run, Mapping) or not all(isinstance(ranking, Ranking) for ranking in run.values()):
            raise StoppedError(f"{self._name}: search must return a dict from query ids to bench.ranking.Ranking")
        for query, (docs, scores) in run.items():
            if len(docs) != len(scores):
                raise StoppedError(
                    f"{self._name}: {len(docs)} documents with {len(scores)} scores for the query {query!r}"
                )
        return {
            query: Ranking(list(docs), np.asarray(scores, dtype=np.float32)) for query, (docs, scores) in run.items()
        }


@contextmanager
def _their_code(name: str, kind: type[BenchError]) -> Iterator[None]:
    """What the user's own code raises inside becomes an error of `kind` that ends with the last lines of its traceback.

    A script that ends the process when it is imported (`sys.exit`) counts too.
    """
    try:
        yield
    except (BenchError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        if is_full(error):
            raise OutOfMemory(f"{name}: the memory is full") from error
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith(_NOT_THEIRS)]
        lines = "".join([*traceback.format_list(own[-5:]), *traceback.format_exception_only(error)])
        raise kind(f"{name}: its own code failed:\n{lines.rstrip()}") from error


_NOT_THEIRS = (str(Path(__file__).parents[1]), str(Path(importlib.__file__).parent), "<frozen ")


def _sentence_transformer(model: Any, texts: list[str], side: Side) -> Vectors:
    # Each module's own mode: a part may be frozen while the rest is trained.
    modes = [(module, module.training) for module in model.modules()] if hasattr(model, "modules") else []
    encode = model.encode_query if side == "query" else model.encode_document
    try:
        vectors = encode(texts, batch_size=32, show_progress_bar=False, convert_to_numpy=True)
    finally:
        for module, training in modes:
            module.training = training
    cosine = getattr(model, "similarity_fn_name", None) == "cosine"
    return unit_length(vectors) if cosine else np.asarray(vectors, dtype=np.float32)


def _host(vectors: Any) -> Any:
    """A tensor on any device as one that numpy takes; other things as they are."""
    return vectors.detach().float().cpu().numpy() if hasattr(vectors, "detach") else vectors


def is_retriever(model: Any) -> bool:
    """Whether the object ranks a corpus itself."""
    return hasattr(model, "index") and hasattr(model, "search")


def is_encoder(model: Any) -> bool:
    """Whether the object turns texts into vectors in a way that `OwnEncoder` understands."""
    pairs = (("encode_queries", "encode_docs"), ("encode_query", "encode_document"))
    return any(all(hasattr(model, name) for name in pair) for pair in pairs) or callable(model)


def load(place: str) -> Any:
    """The object that `MODULE:CLASS` names: a class is called without arguments, anything else is taken as it is.

    The current folder is searched for the module, since that is where a user's script lies.
    """
    module_name, colon, attribute = place.partition(":")
    if not (colon and module_name and attribute):
        raise InputError(f"python:{place}: expected python:MODULE:CLASS")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    name = f"python:{place}"
    with _their_code(name, InputError):
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name and module_name.split(".")[0] != error.name.split(".")[0]:
                raise InputError(f"{name}: the module imports {error.name!r}, which is not installed") from error
            raise InputError(f"{name}: no module {module_name!r} in {Path.cwd().name}/ or installed") from error
    found = getattr(module, attribute, None)
    if found is None:
        raise InputError(f"{name}: the module has no {attribute!r}")
    with _their_code(name, InputError):
        model = found() if isinstance(found, type) else found
    if not (is_retriever(model) or is_encoder(model)):
        raise InputError(
            f"{name}: neither a function from texts to vectors, nor an object with encode_queries and "
            "encode_docs, nor one with index and search"
        )
    return model
