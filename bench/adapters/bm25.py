"""BM25 as in Lucene, over bm25s: the lexical retriever, with text analysis per language.

score(q, d) = sum over the terms t of q, as often as q has them, of
    ln(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * |d| / avgdl))
with exact document lengths (Lucene rounds them to a byte): "Lucene (accurate)" in Kamphuis, de Vries, Boytsov and Lin,
"Which BM25 Do You Mean?", ECIR 2020.
"""

from __future__ import annotations

import math
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import VERSION, Analysis
from bench.collection import Corpus, Query
from bench.errors import InputError
from bench.ranking import Ranking, Run, rank

if TYPE_CHECKING:
    from scipy.sparse import csc_array

METHODS = ("lucene",)


@dataclass(frozen=True)
class Settings:
    """The `settings` of a bm25 card: the formula, its two constants and the analysis of each language."""

    method: str
    k1: float
    b: float
    default: Analysis
    languages: Mapping[str, Analysis]

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Settings:
        """Settings from a card; InputError names the key that is missing, unknown or wrong."""
        keys = {"method", "k1", "b", "analysis_version", "default", "languages"}
        for key in sorted(keys - set(record)):
            raise InputError(f"settings.{key}: missing")
        for key in record:
            if key not in keys:
                raise InputError(f"settings.{key}: unknown; the keys are {', '.join(sorted(keys))}")
        if record["method"] not in METHODS:
            raise InputError(f"settings.method: expected {' or '.join(METHODS)}, found {record['method']!r}")
        if record["analysis_version"] != VERSION:
            raise InputError(f"settings.analysis_version: expected {VERSION}, found {record['analysis_version']!r}")
        languages = record["languages"]
        if not isinstance(languages, Mapping):
            raise InputError(f"settings.languages: expected a mapping by language code, found {languages!r}")
        return cls(
            method=record["method"],
            k1=_number(record["k1"], "settings.k1", math.inf),
            b=_number(record["b"], "settings.b", 1.0),
            default=Analysis.parse(record["default"], "settings.default"),
            languages={_code(key): Analysis.parse(r, f"settings.languages.{key}") for key, r in languages.items()},
        )

    def analysis(self, language: str) -> Analysis:
        """The analysis of a BCP-47 code: its own, else that of its primary subtag, else the default."""
        return self.languages.get(language) or self.languages.get(language.partition("-")[0], self.default)


class Ragged:
    """A growing list of rows of integers in two flat arrays, so that no Python object is kept for a row or a number."""

    def __init__(self, typecode: str) -> None:
        self._values: array[int] = array(typecode)
        self._ends: array[int] = array("q", [0])

    def append(self, row: Iterable[int]) -> None:
        """Add a row at the end."""
        self._values.extend(row)
        self._ends.append(len(self._values))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> array[int]:
        return self._values[self._ends[number] : self._ends[number + 1]]

    def __iter__(self) -> Iterator[array[int]]:
        return map(self.__getitem__, range(len(self)))


@dataclass(frozen=True)
class Index:
    """Weights of shape (documents, terms), in float32, with what their rows and columns stand for."""

    analysis: Analysis
    ids: Ragged
    vocabulary: Mapping[str, int]
    weights: csc_array


class BM25:
    """A `bench.retriever.Retriever`; built from the `settings` of its card."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = Settings.parse(settings)
        self._index: Index | None = None

    def signature(self, language: str) -> dict[str, Any]:
        """All that the scores of a corpus in this language depend on, apart from the texts: JSON values."""
        versions = {name: version(name) for name in ("bm25s", "PyStemmer", "numpy")}
        return {
            "method": self._settings.method,
            "k1": self._settings.k1,
            "b": self._settings.b,
            "analysis": self._settings.analysis(language).as_dict(),
            "analysis_version": VERSION,
            "versions": {**versions, "unicode": unicodedata.unidata_version},
        }

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Read the corpus once, write nothing: memory holds 8 bytes a term of a document, 24 while it builds."""
        analysis = self._settings.analysis(corpus.language)
        ids, rows, vocabulary = Ragged("B"), Ragged("i"), dict[str, int]()
        for doc in corpus.docs():
            ids.append(doc.id.encode())
            rows.append([vocabulary.setdefault(term, len(vocabulary)) for term in analysis.analyse(doc.text)])
        weights = _weights(rows, len(vocabulary), self._settings)
        self._index = Index(analysis, ids, vocabulary, weights)

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The documents that share a term with the query, best first, at most `k`."""
        if self._index is None:
            raise RuntimeError("search before index")
        index = self._index
        return {query.id: _best(index, Counter(index.analysis.analyse(query.text)), k) for query in queries}

    def index_bytes(self) -> int:
        """The bytes of the weights, their places and the vocabulary, as they would lie on disk."""
        if self._index is None:
            raise RuntimeError("search before index")
        weights = self._index.weights
        arrays = (weights.data, weights.indices, weights.indptr)
        return sum(array.nbytes for array in arrays) + sum(len(term.encode()) for term in self._index.vocabulary)

    def terms(self, text: str) -> list[str]:
        """The terms of a text as the index has them."""
        if self._index is None:
            raise RuntimeError("search before index")
        return list(self._index.analysis.analyse(text))

    def search_terms(self, weights: Mapping[str, float], k: int) -> Ranking:
        """The best documents for weighted terms: a query has each of its terms as often as it has it."""
        if self._index is None:
            raise RuntimeError("search before index")
        return _best(self._index, weights, k)


def _weights(rows: Ragged, n_terms: int, settings: Settings) -> csc_array:
    """What each term adds to each document's score."""
    from bm25s import BM25 as Scorer
    from scipy.sparse import csc_array

    shape = (len(rows), n_terms)
    if not n_terms:  # an empty corpus, or only empty documents: no mean length to divide by
        return csc_array(shape, dtype=np.float32)
    # scipy's counting sort needs a third of the memory of bm25s's own.
    scorer = Scorer(k1=settings.k1, b=settings.b, method=settings.method, csc_backend="scipy")
    built = scorer.build_index_from_ids(range(n_terms), rows, show_progress=False)
    return csc_array((built["data"], built["indices"], built["indptr"]), shape=shape)


def _best(index: Index, weights: Mapping[str, float], k: int) -> Ranking:
    counts = {index.vocabulary[term]: weight for term, weight in weights.items() if term in index.vocabulary}
    if not counts:
        return rank([], [])
    # Summed in float64 in the order of the query and rounded once: what is equal in the formula is equal here, and the
    # order of the documents has no part in it.
    scores = (index.weights[:, list(counts)] @ np.array(list(counts.values()), dtype=np.float64)).astype(np.float32)
    found = np.flatnonzero(scores > 0)
    if 0 < k < len(found):  # all that tie at the cut stay: their ids decide
        found = found[scores[found] >= np.partition(scores[found], -k)[-k]]
    return rank([index.ids[i].tobytes().decode() for i in found.tolist()], scores[found], k)


def _number(value: object, where: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or math.isinf(value):
        span = "of at least 0" if math.isinf(most) else f"from 0 to {most:g}"
        raise InputError(f"{where}: expected a number {span}, found {value!r}")
    return float(value)


def _code(key: object) -> str:
    if not isinstance(key, str):
        raise InputError(f'settings.languages: YAML reads one code as {key!r}; quote it, as in "no"')
    return key
