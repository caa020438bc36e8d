"""Per-query scores as a table on disk: columns query, language, measure, value, slice; sorted; Parquet with zstd."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.errors import MissingError
from bench.files import digest, write_whole
from bench.scores import Scores


class Row(NamedTuple):
    """One value; `measure` is spelled as measures are. `slice` is empty where all relevant documents count."""

    query: str
    language: str
    measure: str
    value: float
    slice: str = ""


def rows_of(language: str, scores: Scores) -> list[Row]:
    """All rows of one language, those of its slices last."""
    plain = [Row(q, language, str(m), v) for m, column in scores.values.items() for q, v in column.items()]
    return plain + [
        Row(q, language, str(m), v, name)
        for m, slices in scores.slices.items()
        for name, column in slices.items()
        for q, v in column.items()
    ]


def digests_of(rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    """By language and measure the sha256 of its rows, in whatever order they come, slices included."""
    groups: dict[tuple[str, str], list[list[str | float]]] = {}
    for row in rows:
        groups.setdefault((row.language, row.measure), []).append([row.query, *filter(None, [row.slice]), row.value])
    found: dict[str, dict[str, str]] = {}
    for (language, measure), group in groups.items():
        found.setdefault(language, {})[measure] = digest(sorted(group, key=str))
    return found


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a table, whole or not at all; equal rows in any order give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted(rows, key=lambda row: (row.language, row.measure, row.slice, row.query))
    columns = {name: [getattr(row, name) for row in ordered] for name in Row._fields}
    schema = pa.schema([(name, pa.float64() if name == "value" else pa.string()) for name in Row._fields])
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def unknown_columns(path: Path) -> list[str]:
    """The columns of a table beside those of a row; MissingError where it is absent or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names: list[str] = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise MissingError(f"{path}: cannot read the per-query scores: {error}") from error
    return [name for name in names if name not in Row._fields]


def read_rows(path: Path) -> list[Row]:
    """The rows of a table, in its order; MissingError where the file is absent or damaged.

    A table without the column `slice`, as they were once written, has no slices.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise MissingError(f"{path}: cannot read the per-query scores: {error}") from error
    names = [name for name in Row._fields if name in table.column_names]
    if names != list(Row._fields[: len(names)]) or len(names) < len(Row._fields) - 1:
        raise MissingError(f"{path}: not per-query scores: expected the columns {', '.join(Row._fields)}")
    return [Row(*values) for values in zip(*(table[name].to_pylist() for name in names), strict=True)]
