"""Per-query scores of many entries side by side: read column by column from their Parquet files into a panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.errors import MissingError
from bench.significance.panel import Design, Panel, Sheet, panel


class Source(NamedTuple):
    """One system: its name, the file of its per-query scores, and the languages to take from it."""

    name: str
    scores: Path
    languages: frozenset[str]


_COLUMNS = ["language", "query", "value"]


class Column(NamedTuple):
    """One language's values of one measure, in the order of the query ids, which are an Arrow dictionary array."""

    queries: Any
    values: NDArray[np.float64]

    @property
    def ids(self) -> tuple[str, ...]:
        """The queries' ids; decoded first, for taken one by one out of a dictionary they cost 27 times as much."""
        return tuple(self.queries.dictionary_decode().to_pylist())

    def asks_as(self, queries: Any) -> bool:
        """Whether these are the same queries."""
        return bool(
            self.queries.equals(queries) or self.queries.dictionary_decode().equals(queries.dictionary_decode())
        )


def read_columns(path: Path, measure: str) -> dict[str, Column]:
    """By language, the values of a measure; rows of slices are left out.

    MissingError where the file is absent or damaged: a value outside [0, 1], a query twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        has_slices = "slice" in pq.read_schema(path).names
        rows = [("measure", "==", measure), *([("slice", "==", "")] if has_slices else [])]
        # Ids repeat from language to language: as numbers into a dictionary they are read three times as fast.
        table = pq.read_table(path, columns=_COLUMNS, filters=rows, read_dictionary=_COLUMNS[:2])
        table = table.unify_dictionaries().combine_chunks()
        values = table["value"].to_numpy().astype(np.float64)
        languages, queries = (_whole(table[name]) for name in _COLUMNS[:2])
    except (OSError, pa.ArrowException, KeyError) as error:
        raise MissingError(f"{path}: cannot read the per-query scores: {error}") from error
    if not np.all((values >= 0) & (values <= 1)):
        raise MissingError(f"{path}: damaged: a value of {measure} is outside [0, 1] (bench board verify)")
    places, found = _places(queries), {}
    order = np.argsort(languages.indices, kind="stable")
    codes = np.asarray(languages.indices)[order]
    for chosen in np.split(order, np.flatnonzero(np.diff(codes)) + 1) if len(order) else ():
        name = languages.dictionary[languages.indices[chosen[0]].as_py()].as_py()
        found[name] = _ordered(path, Column(_taken(queries, chosen), values[chosen]), places[chosen])
    return found


def _places(queries: Any) -> NDArray[np.int64]:
    """The place of each row's id among all ids in their order."""
    import pyarrow.compute as pc

    names, rows = queries.dictionary, np.asarray(queries.indices, dtype=np.int64)
    if len(names) < 2 or pc.all(pc.less(names[:-1], names[1:])).as_py():
        return rows
    place: NDArray[np.int64] = np.argsort(pc.sort_indices(names).to_numpy())
    return place[rows]


def _whole(column: Any) -> Any:
    """The one array of a column."""
    return column.chunk(0) if column.num_chunks else column.combine_chunks()


def _taken(queries: Any, rows: NDArray[np.int64]) -> Any:
    """The ids of some rows; where they follow one another nothing is copied."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return queries.slice(int(rows[0]), len(rows))
    return queries.take(rows)


def _ordered(path: Path, column: Column, places: NDArray[np.int64]) -> Column:
    """The column by query id; `places` are those of the ids in their order."""
    if np.all(np.diff(places) > 0):
        return column
    order = np.argsort(places, kind="stable")
    if np.any(np.diff(places[order]) == 0):
        raise MissingError(f"{path}: damaged: a query occurs twice in one language (bench board verify)")
    return Column(column.queries.take(order), column.values[order])


def read_panel(
    sources: Sequence[Source],
    measure: str,
    languages: Sequence[str],
    design: Design,
    dtype: DTypeLike = np.float32,
) -> tuple[Panel, list[str]]:
    """The panel of some systems, and notes on what could not be compared; one file is in memory at a time.

    The first system that has a language says what its queries are; another one with other queries has NaN there, and a
    note. Languages that none of them has are left out. float32 is enough for many systems; two take float64.
    """
    reference: dict[str, Column] = {}
    scores: dict[str, NDArray[Any]] = {}
    notes = []
    for i, source in enumerate(sources):
        columns = read_columns(source.scores, measure)
        for code in (code for code in languages if code in columns and code in source.languages):
            column = columns[code]
            if code not in reference:
                reference[code] = column
                scores[code] = np.full((len(sources), len(column.values)), np.nan, dtype)
            if column.asks_as(reference[code].queries):
                scores[code][i] = column.values
            else:
                notes.append(f"{source.name}: {code}: other queries than the rest: left out there")
    sheets = {c: Sheet(reference[c].ids, scores[c]) for c in languages if c in reference}
    return panel([source.name for source in sources], sheets, design), notes
