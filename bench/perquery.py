"""Per-query scores as a table on disk: columns query, language, measure, value; sorted; Parquet with zstd."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.errors import MissingError
from bench.files import write_whole
from bench.scores import Scores


class Row(NamedTuple):
    """One value; `measure` is spelled as measures are."""

    query: str
    language: str
    measure: str
    value: float


def rows_of(language: str, scores: Scores) -> list[Row]:
    """All rows of one language."""
    return [Row(q, language, str(m), v) for m, column in scores.values.items() for q, v in column.items()]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a table, whole or not at all; equal rows in any order give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted(rows, key=lambda row: (row.language, row.measure, row.query))
    columns = {name: [getattr(row, name) for row in ordered] for name in Row._fields}
    schema = pa.schema(
        [("query", pa.string()), ("language", pa.string()), ("measure", pa.string()), ("value", pa.float64())]
    )
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def read_rows(path: Path) -> list[Row]:
    """The rows of a table, in its order; MissingError where the file is absent or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=list(Row._fields))
    except (OSError, pa.ArrowException) as error:
        raise MissingError(f"{path}: cannot read the per-query scores: {error}") from error
    return [Row(*values) for values in zip(*(table[name].to_pylist() for name in Row._fields), strict=True)]
