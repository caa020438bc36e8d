"""Scores of others as a compact table on disk: Parquet with zstd, values exactly as they were read.

Nearly all of mteb's values have at most six decimals: such a value is the nearest double to a whole number of
millionths, and is stored as that number (int32), which takes a third less room than doubles. A value that is not (the
quotient gives it back exactly, or it does not count as one) stands as a double in a second column, `<measure> exact`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import MissingError
from bench.files import write_whole

_MILLION = 1e6
_EXACT = " exact"


class Table(NamedTuple):
    """Headings as lists of texts, and by measure one float64 value a row, NaN where there is none."""

    headings: dict[str, list[str | None]]
    scores: dict[str, NDArray[np.float64]]


def write_table(
    path: Path, headings: Mapping[str, Sequence[str | None]], measures: Sequence[str], scores: NDArray[np.float64]
) -> str:
    """Write a table, whole or not at all; the sha256 of its bytes. Equal rows in equal order give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(column, pa.string()).dictionary_encode() for name, column in headings.items()}
    for name, column in zip(measures, scores.T, strict=True):
        known = ~np.isnan(column)
        millionths = np.rint(np.where(known, column, 0.0) * _MILLION)
        whole = known & (millionths / _MILLION == column)
        arrays[name] = pa.array(millionths.astype(np.int32), mask=~whole)
        if (known & ~whole).any():
            arrays[name + _EXACT] = pa.array(column, mask=~known | whole)
    buffer = io.BytesIO()
    pq.write_table(
        pa.table(arrays),
        buffer,
        compression="zstd",
        compression_level=9,
        use_dictionary=list(headings),
        use_byte_stream_split=[name for name in arrays if name not in headings],
    )
    write_whole(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_table(path: Path, headings: Sequence[str], measures: Sequence[str], sha256: str) -> Table:
    """The headings and some measures of a table; MissingError where it is absent, damaged, or not the one meant."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise MissingError(f"{path}: not the file of the index: import again (bench board import mteb DIR)")
        file = pq.ParquetFile(pa.BufferReader(data))
        there = set(file.schema_arrow.names)
        table = file.read([*headings, *(n for m in measures for n in (m, m + _EXACT) if n in there)])
        scores = {measure: _values(table, measure) for measure in measures}
        return Table({name: _texts(table[name]) for name in headings}, scores)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise MissingError(f"{path}: cannot read the imported scores: {error}") from error


def _texts(column: Any) -> list[str | None]:
    """The texts of a column that is a dictionary: each made once, not once a row."""
    whole = column.dictionary_encode().unify_dictionaries().combine_chunks()
    names = [*whole.dictionary.to_pylist(), None]
    return [names[i] for i in whole.indices.fill_null(len(names) - 1).to_numpy()]


def _values(table: Any, measure: str) -> NDArray[np.float64]:
    import pyarrow as pa

    # A null becomes NaN, and every int32 has a double of its own.
    values: NDArray[np.float64] = table[measure].cast(pa.float64()).to_numpy() / _MILLION
    if measure + _EXACT in table.column_names:
        exact = table[measure + _EXACT].to_numpy()
        values = np.where(np.isnan(exact), values, exact)
    return values
