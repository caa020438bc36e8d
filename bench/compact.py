"""Compact vectors: documents stored in fewer bytes than float32 takes, and the names of such variants.

A variant is spelled `[dims=N][,][float16|int8|binary]`, such as `int8`, `dims=128` or `dims=128,int8`. Queries stay
float32, shortened as the documents are; a score is the inner product of the query with what the stored bytes stand
for. What is stored of a vector depends on that vector alone: no range is calibrated on a corpus, so a shard has the
same bytes whatever it is stored with, and whether it was encoded afresh or made from stored float32 vectors.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.encoding import unit_length
from bench.errors import InputError, StoppedError
from bench.forms import Positions, Single
from bench.retriever import Vectors

PRECISIONS = ("float32", "float16", "int8", "binary")
USAGE = "float16, int8, binary, dims=N, or dims=N with one of them, such as dims=128,int8"


@dataclass(frozen=True)
class Compact:
    """A variant: the first `dims` dimensions, None for all of them, in a precision. Prints as it is typed."""

    dims: int | None = None
    precision: str = "float32"

    @classmethod
    def parse(cls, text: str) -> Compact:
        """The variant that a text spells, its parts in any order; InputError for anything else."""
        dims, precision = None, None
        for part in (piece.strip() for piece in text.split(",")):
            length = re.fullmatch(r"dims=([1-9][0-9]{0,5})", part)
            if length and dims is None:
                dims = int(length[1])
            elif part in PRECISIONS and precision is None:
                precision = part
            elif length or part in PRECISIONS:
                raise InputError(f"--vectors {text}: {part} is one too many: expected {USAGE}")
            elif part.startswith("dims"):
                raise InputError(f"--vectors {text}: {part}: expected a number of dimensions, such as dims=128")
            else:
                raise InputError(f"--vectors {text}: {part!r} is no form of vectors: expected {USAGE}")
        return cls(dims, precision or "float32")

    def __str__(self) -> str:
        parts = [f"dims={self.dims}"] if self.dims else []
        return ",".join(parts if parts and self.precision == "float32" else [*parts, self.precision])

    @property
    def plain(self) -> bool:
        """Whether it is what is stored anyway: all dimensions in float32."""
        return self == Compact()

    def shortened(self, vectors: Vectors) -> Vectors:
        """The first `dims` dimensions at length 1, or the vectors as they are; InputError where they have no more.

        Matryoshka Representation Learning (Kusupati et al. 2022), section 3: an inner product of unit vectors is the
        cosine, so a prefix is brought to length 1 again.
        """
        if self.dims is None:
            return vectors
        if self.dims >= vectors.shape[1]:
            raise InputError(f"dims={self.dims}: the vectors have {vectors.shape[1]} dimensions: give fewer than that")
        return unit_length(vectors[:, : self.dims])


@dataclass(frozen=True)
class Packed(Single):
    """One vector a text, float32 in memory and packed on disk: an `.npy` file that `pack` and `unpack` know."""

    compact: Compact

    def gathered(self, parts: Sequence[tuple[Positions, Vectors]], count: int) -> Vectors:
        rows = super().gathered(parts, count)
        return self.compact.shortened(rows) if count else rows

    def row_bytes(self, dimension: int) -> float:
        """What a vector takes on disk; `dimension` is that of the model."""
        return _ROW_BYTES[self.compact.precision](self.compact.dims or dimension)

    def dump(self, vectors: Vectors) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, pack(vectors, self.compact.precision), allow_pickle=False)
        return buffer.getvalue()

    def load(self, path: Path) -> Vectors:
        return unpack(np.load(path, allow_pickle=False))


_ROW_BYTES: dict[str, Callable[[int], float]] = {
    "float32": lambda dim: 4.0 * dim,
    "float16": lambda dim: 2.0 * dim,
    "int8": lambda dim: dim + 4.0,
    "binary": lambda dim: dim / 8,
}


def pack(vectors: Vectors, precision: str) -> NDArray[Any]:
    """The rows as they are stored; StoppedError for what a precision cannot hold.

    float16: (n, d), each value rounded to the nearest, ties to even. int8: n records of `scale`, a float32 that is the
    largest magnitude of the row by 127, and `codes`, the values by the scale, rounded. binary: n records of `signs`, a
    bit a value, 1 where it is above 0, the first in the highest bit (as `numpy.packbits` and sentence-transformers).
    """
    if precision == "float16":
        with np.errstate(over="ignore"):
            halves = vectors.astype(np.float16)
        if not np.isfinite(halves).all():
            raise StoppedError("float16 holds values up to 65504, and the model returned larger ones: take int8")
        return halves
    if precision == "int8":
        return _scaled(vectors)
    if precision == "binary":
        if vectors.shape[1] % 8:
            raise InputError(f"binary: {vectors.shape[1]} dimensions are no multiple of 8; shorten them with dims=N")
        packed = np.empty(len(vectors), [("signs", "u1", (vectors.shape[1] // 8,))])
        packed["signs"] = np.packbits(vectors > 0, axis=1)
        return packed
    return vectors


def _scaled(vectors: Vectors) -> NDArray[Any]:
    packed = np.empty(len(vectors), [("scale", "<f4"), ("codes", "i1", (vectors.shape[1],))])
    scale = np.abs(vectors).max(axis=1) / np.float32(127)
    packed["scale"] = scale
    divisor = np.where(scale > 0, scale, np.float32(1))
    packed["codes"] = np.clip(np.rint(vectors / divisor[:, None]), -127, 127)
    return packed


def width(dtype: np.dtype[Any]) -> int | None:
    """The dimensions that a record of `pack` stands for; None for any other type."""
    if dtype.names == ("scale", "codes") and dtype["codes"].base == np.int8:
        return int(dtype["codes"].shape[0])
    if dtype.names == ("signs",) and dtype["signs"].base == np.uint8:
        return int(8 * dtype["signs"].shape[0])
    return None


def unpack(packed: NDArray[Any], out: Vectors | None = None) -> Vectors:
    """The float32 vectors that stored rows stand for, written to `out` (C order) where it is given.

    int8: code times scale, rounded to float32. binary: 1/sqrt(d) or -1/sqrt(d), so that all have length 1.
    """
    dim = width(packed.dtype)
    if out is None:
        out = np.empty((len(packed), dim) if dim else packed.shape, np.float32)
    if dim is None:
        out[:] = packed
    elif packed.dtype.names == ("signs",):
        table = _SIGNS * np.float32(1 / np.sqrt(dim))
        np.take(table, packed["signs"], axis=0, out=out.reshape(len(out), dim // 8, 8), mode="clip")
    else:
        np.multiply(packed["codes"], packed["scale"][:, None], out=out, dtype=np.float32)
    return out


_SIGNS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) * 2 - 1
"""The eight signs of every byte."""
