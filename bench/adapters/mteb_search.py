"""Models of mteb's registry that index and search by themselves, such as its BM25, through mteb's own protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.adapters.mteb_registry import Registered, silent
from bench.collection import Corpus, Query
from bench.ranking import Run, rank
from bench.weights import version


class MtebSearch:
    """A `bench.retriever.Retriever` around mteb's search: its documents and scores, in the one order here.

    Like mteb's it returns `k` documents where there are so many, those that match nothing with a score of 0. Memory
    holds the corpus. `code_of` spells a BCP-47 code as mteb does, by which its BM25 chooses stop words and stemmer.
    """

    def __init__(self, entry: Registered, metadata: Any, code_of: Callable[[str], str]) -> None:
        self._entry, self._task, self._code_of = entry, metadata, code_of
        self._model: Any = None
        self._metadata: Any = None

    def stage(self) -> dict[str, Any]:
        """What searches, for the recipe."""
        return {"search": recipe(self._entry, self._task)}

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Index the corpus as mteb does."""
        from datasets import Dataset  # type: ignore[import-untyped]

        rows: dict[str, list[str]] = {"id": [], "title": [], "text": []}
        for doc in corpus.docs():
            for key, value in (("id", doc.id), ("title", ""), ("text", doc.text)):
                rows[key].append(value)
        languages = {"default": [self._code_of(corpus.language)]}
        self._metadata = self._task.model_copy(update={"eval_langs": languages})
        self._model = self._entry.load(None, None)
        with silent():
            self._model.index(Dataset.from_dict(rows), **self._told)

    def index_bytes(self) -> int | None:
        """The bytes of bm25s's weights and their places; None where the model has another kind of index."""
        arrays = getattr(getattr(self._model, "retriever", None), "scores", None)
        if not isinstance(arrays, dict):
            return None
        return sum(int(array.nbytes) for array in arrays.values() if hasattr(array, "nbytes"))

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The top k of every query; nothing for a query without a word."""
        from datasets import Dataset

        if self._model is None:
            raise RuntimeError("search before index")
        asked = [query for query in queries if query.text.strip()]
        if not asked:
            return {query.id: rank([], []) for query in queries}
        rows = Dataset.from_dict({"id": [query.id for query in asked], "text": [query.text for query in asked]})
        with silent():
            found = self._model.search(rows, top_k=k, top_ranked=None, **self._told)
        by_query = {query.id: found.get(query.id, {}) for query in queries}
        return {query: rank(list(scores), list(scores.values()), k) for query, scores in by_query.items()}

    @property
    def _told(self) -> dict[str, Any]:
        return {
            "task_metadata": self._metadata,
            "hf_split": "test",
            "hf_subset": "default",
            "encode_kwargs": {"show_progress_bar": False},
            "num_proc": None,
        }


def recipe(entry: Registered, metadata: Any) -> dict[str, Any]:
    """All that makes the scores of a model that searches by itself."""
    libraries = {name: version(name) for name in ("bm25s", "PyStemmer")}
    stated = {"adapter": "mteb search", "version": 1, "revision": str(entry.meta.revision), "versions": libraries}
    return stated | entry.recipe(None, metadata)
