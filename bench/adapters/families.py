"""The kinds of encoder that sentence-transformers has: dense, learned sparse, late interaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.adapters.complete import parts, require_part
from bench.encoding import unit_length
from bench.errors import MissingError
from bench.forms import MULTI, SINGLE, SPARSE, Form
from bench.weights import Located


@dataclass(frozen=True)
class Family:
    """One kind: the library's class, what its `encode` is told, what its output becomes, and the head that it needs.

    `adapter` is its name in recipes; the first of `similarities` is the one of a folder that states none.
    """

    adapter: str
    library: str
    form: Form
    similarities: tuple[str, ...]
    convert: Callable[[Any, str], Any]
    options: dict[str, Any] = field(default_factory=dict)
    heads: tuple[str, ...] = ()
    head: str = ""

    def refuse_without_head(self, weights: Located) -> None:
        """MissingError for a folder whose head the library would fill in with random numbers."""
        if self.heads and not _stanford(self, weights):
            require_part(weights, self.heads, self.head)


def _stanford(family: Family, weights: Located) -> bool:
    """Whether a folder is one of Stanford's ColBERT, whose projection lies among the weights of its transformer."""
    architectures = weights.config("config.json").get("architectures") or []
    return family.form is MULTI and not parts(weights) and "HF_ColBERT" in architectures


def _dense(output: Any, similarity: str) -> Any:
    # Normalised here, in float32: in bfloat16 the lengths would be off by up to half a percent.
    return unit_length(output) if similarity == "cosine" else np.asarray(output, dtype=np.float32)


def _sparse(output: Any, similarity: str) -> Any:
    from scipy.sparse import csr_array

    rows = output.coalesce().cpu()
    values, indices = rows.values().float().numpy(), rows.indices().numpy()
    return csr_array((values, (indices[0], indices[1])), shape=tuple(rows.shape))


def _tokens(output: Any, similarity: str) -> Any:
    if not all(len(row) == 0 or row.ndim == 2 for row in output):
        raise MissingError("the model returned something else than one vector a token")
    return [np.asarray(row, dtype=np.float32) for row in output]


DENSE = Family(
    adapter="sentence-transformers",
    library="SentenceTransformer",
    form=SINGLE,
    similarities=("cosine", "dot"),
    convert=_dense,
    options={"convert_to_numpy": True},
)
LEARNED_SPARSE = Family(
    adapter="sparse-encoder",
    library="SparseEncoder",
    form=SPARSE,
    similarities=("dot",),
    convert=_sparse,
    heads=("SpladePooling", "SparseAutoEncoder", "Router", "SparseStaticEmbedding"),
    head="sparse head",
)
LATE = Family(
    adapter="multi-vector-encoder",
    library="MultiVectorEncoder",
    form=MULTI,
    similarities=("maxsim", "meanmaxsim"),
    convert=_tokens,
    options={"convert_to_numpy": True},
    heads=("Dense",),
    head="projection to token vectors",
)
