"""Tables to download: CSV of which no cell is a formula, strict JSON, and Parquet; the same bytes every time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.formats.escapes import spreadsheet
from bench.site.page import Page

FORMATS = ("csv", "json", "parquet")


class Sheet(NamedTuple):
    """A table: the stem of its files, what it is, its columns and rows; a column holds texts, or numbers, or None."""

    stem: str
    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


def files_of(sheet: Sheet) -> Iterator[Page]:
    """The table in every format."""
    yield Page(f"data/{sheet.stem}.csv", csv_bytes(sheet.head, sheet.rows))
    rows = [dict(zip(sheet.head, row, strict=True)) for row in sheet.rows]
    yield Page(f"data/{sheet.stem}.json", json_bytes(rows))
    columns = {name: [row[at] for row in sheet.rows] for at, name in enumerate(sheet.head)}
    yield Page(f"data/{sheet.stem}.parquet", parquet_bytes(columns))


def csv_bytes(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """CSV with unrounded numbers; what is not there is empty, and texts are escaped for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([spreadsheet(name) for name in head])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return repr(value) if isinstance(value, int | float) else spreadsheet(str(value))


def json_bytes(rows: Sequence[Any]) -> bytes:
    """A list of values as strict JSON in ASCII, one a line; ValueError for NaN."""
    lines = (json.dumps(row, allow_nan=False, separators=(",", ":")) for row in rows)
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()


def parquet_bytes(columns: Mapping[str, Any]) -> bytes:
    """A Parquet file with zstd; a column is an Arrow array, or a list of texts, numbers and None."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: arrow(column) if isinstance(column, list) else column for name, column in columns.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out, compression="zstd")
    return out.getvalue()


def arrow(values: Sequence[Any]) -> Any:
    """An Arrow array: of strings where anything is a text or nothing is known, else of numbers or booleans."""
    import pyarrow as pa

    known = [value for value in values if value is not None]
    if not known or any(isinstance(value, str) for value in known):
        return pa.array([None if value is None else _utf8(str(value)) for value in values], pa.string())
    return pa.array(values)


def _utf8(text: str) -> str:
    """A text with lone surrogates, which UTF-8 cannot say, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
