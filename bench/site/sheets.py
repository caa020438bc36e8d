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
        writer.writerow([value if value is None or type(value) is float else _cell(value) for value in row])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    """A value that csv does not write as it should: it has `None` as nothing and numbers in full."""
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
    # Without the schema of Arrow what `repeated` gives is text to every reader.
    pq.write_table(pa.table(arrays), out, compression="zstd", store_schema=False)
    return out.getvalue()


def arrow(values: Sequence[Any]) -> Any:
    """An Arrow array: of strings where anything is a text or nothing is known, else of numbers or booleans."""
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    if not kinds or str in kinds:
        return pa.array([None if value is None else _utf8(str(value)) for value in values], pa.string())
    return pa.array(values)


def repeated(values: Sequence[str | None], place: Any) -> Any:
    """An Arrow array of the texts at `place`, an array of their indices; each text is held once."""
    import numpy as np
    import pyarrow as pa

    codes = {text: code for code, text in enumerate(dict.fromkeys(text for text in values if text is not None))}
    of_values = np.asarray([-1 if text is None else codes[text] for text in values], dtype=np.int32)
    at = of_values[place]
    return pa.DictionaryArray.from_arrays(pa.array(at, mask=at < 0), arrow(list(codes)))


def _utf8(text: str) -> str:
    """A text with lone surrogates, which UTF-8 cannot say, as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
