"""What an encoder makes of a text: one vector, one sparse vector, or one vector a token; and how they are stored.

The bytes of a shard depend on its contents alone, so that a resumed run writes what an unbroken one would have written.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import StoppedError
from bench.retriever import Vectors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Positions = NDArray[np.int64]


class Form(Protocol):
    """One form of vectors. A batch is what an encoder returns for some texts, in their order."""

    @property
    def suffix(self) -> str:
        """Of the files of its shards."""
        ...

    def checked(self, batch: Any, expected: int) -> Any:
        """The batch in its own type. StoppedError unless it has one finite row a text."""
        ...

    def gathered(self, parts: Sequence[tuple[Positions, Any]], count: int) -> Any:
        """The rows of checked batches in the order of the texts; StoppedError where their dimensions differ."""
        ...

    def keys(self, vectors: Any) -> list[bytes]:
        """Bytes a row that are equal where the vectors are."""
        ...

    def dimension(self, vectors: Any) -> int:
        """The length of a vector."""
        ...

    def scores(self, queries: Any, documents: Any) -> NDArray[np.float64]:
        """The score of every pair, shape (queries, documents), without any index."""
        ...

    def described(self, vectors: Any) -> dict[str, Any]:
        """What the first row is like: its `norm`, and how many `terms` or `vectors` it has."""
        ...

    def dump(self, vectors: Any) -> bytes:
        """The contents of a shard's file."""
        ...

    def load(self, path: Path) -> Any:
        """The vectors of a shard's file."""
        ...


class Single:
    """One vector a text: a float32 array of shape (n, d), stored as `.npy`."""

    suffix = ".npy"

    def checked(self, batch: Any, expected: int) -> Vectors:
        array = np.asarray(batch, dtype=np.float32)
        if array.ndim != 2:
            raise StoppedError(f"the model returned an array of {array.ndim} dimensions, not one row a text")
        _refuse_count(len(array), expected)
        _refuse_not_finite(np.asarray(np.isfinite(array).all(axis=1)))
        return array

    def gathered(self, parts: Sequence[tuple[Positions, Vectors]], count: int) -> Vectors:
        rows = np.empty((count, _width([part.shape[1] for _, part in parts])), dtype=np.float32)
        for positions, part in parts:
            rows[positions] = part
        return rows

    def keys(self, vectors: Vectors) -> list[bytes]:
        return [row.tobytes() for row in vectors]

    def dimension(self, vectors: Vectors) -> int:
        return int(vectors.shape[1])

    def scores(self, queries: Vectors, documents: Vectors) -> NDArray[np.float64]:
        return np.asarray(queries.astype(np.float64) @ documents.astype(np.float64).T)

    def described(self, vectors: Vectors) -> dict[str, Any]:
        return {"norm": float(np.linalg.norm(vectors[0]))}

    def row_bytes(self, dimension: int) -> float:
        """What a vector takes on disk."""
        return 4.0 * dimension

    def dump(self, vectors: Vectors) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, vectors, allow_pickle=False)
        return buffer.getvalue()

    def load(self, path: Path) -> Vectors:
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]


class Sparse:
    """One sparse vector a text: a `csr_array` of float32 with sorted columns and no zeros, stored as safetensors."""

    suffix = ".sparse"

    def checked(self, batch: Any, expected: int) -> csr_array:
        from scipy.sparse import csr_array

        rows = csr_array(batch, dtype=np.float32, copy=True)
        _refuse_count(rows.shape[0], expected)
        bad = np.flatnonzero(~np.isfinite(rows.data))
        finite = np.ones(expected, dtype=bool)
        finite[np.searchsorted(rows.indptr, bad, side="right") - 1] = False
        _refuse_not_finite(finite)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        return rows

    def gathered(self, parts: Sequence[tuple[Positions, csr_array]], count: int) -> csr_array:
        from scipy.sparse import csr_array, vstack

        width = _width([part.shape[1] for _, part in parts])
        if not parts:
            empty: csr_array = csr_array(np.zeros((count, width), dtype=np.float32))
            return empty
        places = np.argsort(np.concatenate([positions for positions, _ in parts]))
        return csr_array(vstack([part for _, part in parts], format="csr")[places, :])

    def keys(self, vectors: csr_array) -> list[bytes]:
        spans = zip(vectors.indptr[:-1], vectors.indptr[1:], strict=True)
        columns = vectors.indices.astype(np.int32)
        return [columns[a:b].tobytes() + vectors.data[a:b].tobytes() for a, b in spans]

    def dimension(self, vectors: csr_array) -> int:
        return int(vectors.shape[1])

    def scores(self, queries: csr_array, documents: csr_array) -> NDArray[np.float64]:
        return np.asarray((queries.astype(np.float64) @ documents.astype(np.float64).T).toarray())

    def described(self, vectors: csr_array) -> dict[str, Any]:
        first = vectors.data[: vectors.indptr[1]]
        return {"norm": float(np.linalg.norm(first)), "terms": len(first)}

    def dump(self, vectors: csr_array) -> bytes:
        from safetensors.numpy import save

        return save(
            {
                "columns": np.array([vectors.shape[1]], dtype=np.int64),
                "ends": np.asarray(vectors.indptr, dtype=np.int64),
                "indices": np.asarray(vectors.indices, dtype=np.int32),
                "values": np.asarray(vectors.data, dtype=np.float32),
            }
        )

    def load(self, path: Path) -> csr_array:
        from safetensors.numpy import load_file
        from scipy.sparse import csr_array

        stored = load_file(path)
        shape = (len(stored["ends"]) - 1, int(stored["columns"][0]))
        return csr_array((stored["values"], stored["indices"], stored["ends"]), shape=shape)


class Tokens(NamedTuple):
    """Vectors by token: row i of a shard has `vectors[ends[i]:ends[i + 1]]`; `ends` begins with 0."""

    vectors: Vectors
    ends: NDArray[np.int64]

    def of(self, row: int) -> Vectors:
        """The vectors of one row."""
        return self.vectors[self.ends[row] : self.ends[row + 1]]

    def __len__(self) -> int:
        return len(self.ends) - 1


def maxsim(query: Vectors, document: Vectors, *, mean: bool = False) -> float:
    """The score of one pair: exact sums of float64 products; 0 where either has no vector.

    `mean` divides by the number of the query's vectors.
    """
    if not len(query) or not len(document):
        return 0.0
    best = (query.astype(np.float64) @ document.astype(np.float64).T).max(axis=1)
    return float(best.mean() if mean else best.sum())


class Multi:
    """One vector a token: a list of float32 arrays of shape (tokens, d), stored as safetensors."""

    suffix = ".tokens"

    def checked(self, batch: Any, expected: int) -> list[Vectors]:
        rows = [np.asarray(row, dtype=np.float32) for row in batch]
        _refuse_count(len(rows), expected)
        if any(row.ndim != 2 for row in rows):
            raise StoppedError("the model returned something else than one vector a token")
        _refuse_not_finite(np.array([bool(np.isfinite(row).all()) for row in rows]))
        return rows

    def gathered(self, parts: Sequence[tuple[Positions, list[Vectors]]], count: int) -> Tokens:
        rows: list[Vectors] = [np.empty((0, 0), dtype=np.float32)] * count
        for positions, part in parts:
            for position, row in zip(positions.tolist(), part, strict=True):
                rows[position] = row
        width = _width([row.shape[1] for row in rows if len(row)])
        flat = [row for row in rows if len(row)]
        ends = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
        return Tokens(np.concatenate(flat) if flat else np.empty((0, width), dtype=np.float32), ends)

    def keys(self, vectors: Tokens) -> list[bytes]:
        return [vectors.of(row).tobytes() for row in range(len(vectors))]

    def dimension(self, vectors: Tokens) -> int:
        return int(vectors.vectors.shape[1])

    def scores(self, queries: Tokens, documents: Tokens) -> NDArray[np.float64]:
        rows, columns = range(len(queries)), range(len(documents))
        return np.array([[maxsim(queries.of(i), documents.of(j)) for j in columns] for i in rows])

    def described(self, vectors: Tokens) -> dict[str, Any]:
        first = vectors.of(0)
        return {"norm": float(np.linalg.norm(first, axis=1).mean()) if len(first) else 0.0, "vectors": len(first)}

    def dump(self, vectors: Tokens) -> bytes:
        from safetensors.numpy import save

        return save({"vectors": np.ascontiguousarray(vectors.vectors), "ends": vectors.ends})

    def load(self, path: Path) -> Tokens:
        from safetensors.numpy import load_file

        stored = load_file(path)
        return Tokens(stored["vectors"], stored["ends"])


SINGLE, SPARSE, MULTI = Single(), Sparse(), Multi()


def form_of(encoder: object) -> Form:
    """The form of an encoder's vectors: what it says, else one vector a text."""
    found: Form = getattr(encoder, "form", SINGLE)
    return found


def _width(widths: Sequence[int]) -> int:
    other = next((width for width in widths if width != widths[0]), None)
    if other is not None:
        raise StoppedError(f"the model returned vectors of {other} dimensions after {widths[0]}")
    return widths[0] if widths else 0


def _refuse_count(found: int, expected: int) -> None:
    if found != expected:
        raise StoppedError(f"the model returned {found} vectors for {expected} texts")


def _refuse_not_finite(finite: NDArray[np.bool_]) -> None:
    bad = int((~finite).sum())
    if bad:
        raise StoppedError(f"the model returned NaN or infinity in {bad} of {len(finite)} vectors")
