"""The adapter contract: what a system has to offer to be measured. Structural: an adapter inherits nothing.

An adapter never sees a task name, a split or a benchmark's metadata. Prompts are filled before it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.collection import Corpus, Query
from bench.ranking import Run

Vectors = NDArray[np.float32]
"""One row a text, in the order of the texts: shape (n, d)."""


class Encoder(Protocol):
    """Texts to vectors; relevance is the inner product of a query's and a document's vector.

    `language` is a BCP-47 code; most encoders ignore it. The result has one finite row a text, in order.
    """

    def encode_queries(self, texts: Sequence[str], language: str) -> Vectors: ...
    def encode_docs(self, texts: Sequence[str], language: str) -> Vectors: ...


Progress = Callable[[int, int | None], None]
"""Called with (done, total) in documents or queries while a long step runs; total is None where it is not known yet."""


class Retriever(Protocol):
    """Anything that ranks a corpus.

    `index` reads the corpus and may write below `workdir`; `search` returns at most `k` documents for each query, in
    the order of `bench.ranking`, distinct, with finite scores.
    """

    def index(self, corpus: Corpus, workdir: Path) -> None: ...
    def search(self, queries: Sequence[Query], k: int) -> Run: ...
