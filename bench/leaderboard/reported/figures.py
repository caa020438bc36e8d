"""Files of figures: `reported/*.csv` of a board, read strictly; an error names the file and the line.

A file has the columns of `bench.leaderboard.audit.printed.Figure`, in any order.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import InputError, MissingError
from bench.files import open_text
from bench.leaderboard.audit.printed import Figure, Printed, PrintedRow, rows_of
from bench.measure import Measure

FOLDER = "reported"
_MAY_BE_EMPTY = {"system", "data"}
_SPELLINGS = {"recall": "R", "ndcg": "nDCG", "map": "AP", "mrr": "MRR", "precision": "P", "success": "Success"}


def normalised(metric: str) -> str | None:
    """Our name of a metric as a source spells it: `Recall@100` is `R@100`; None where that is not certain."""
    base, at, cut = metric.strip().partition("@")
    try:
        return str(Measure.parse(_SPELLINGS.get(base.lower(), base) + at + cut))
    except InputError:
        return None


def read_figures(path: Path) -> list[Figure]:
    """The figures in a file, values outside [0, 1] among them: the audit names those, `reported_results` refuses them.

    InputError names the line: unknown or missing columns, an empty cell, no number, a measure that is none or not the
    metric's, a figure twice. MissingError where the file cannot be read.
    """
    figures: list[Figure] = []
    lines: dict[tuple[Any, ...], int] = {}
    with open_text(path) as text:
        reader = csv.reader(text, strict=True)
        try:
            columns = _columns(next(reader, []), path)
            for cells in reader:
                figure = _figure(columns, cells, f"{path}:{reader.line_num}")
                first = lines.setdefault(figure[:-1], reader.line_num)
                if first != reader.line_num:
                    raise InputError(f"{path}:{reader.line_num}: stands at line {first} already")
                figures.append(figure)
        except csv.Error as error:
            raise InputError(f"{path}:{reader.line_num}: not CSV: {error}") from error
    return figures


def _columns(head: Sequence[str], path: Path) -> Sequence[str]:
    expected = set(Figure._fields)
    for name in head:
        if name not in expected:
            raise InputError(f"{path}:1: unknown column {name!r}; the columns are {', '.join(Figure._fields)}")
    for name in Figure._fields:
        if head.count(name) != 1:
            raise InputError(f"{path}:1: the column {name} is there {head.count(name)} times, expected once")
    return head


def _figure(columns: Sequence[str], cells: Sequence[str], where: str) -> Figure:
    if len(cells) != len(columns):
        raise InputError(f"{where}: expected {len(columns)} cells, found {len(cells)}")
    given: dict[str, Any] = dict(zip(columns, cells, strict=True))
    empty = [name for name, cell in given.items() if not cell.strip() and name not in _MAY_BE_EMPTY]
    if empty:
        raise InputError(f"{where}: {empty[0]} is empty")
    try:
        measure = str(Measure.parse(given["measure"]))
        given["value"] = Printed.parse(given["value"])
    except (InputError, ValueError) as error:
        raise InputError(f"{where}: {error}") from error
    meant = normalised(given["metric"]) or measure
    if measure != given["measure"] or meant != measure:
        raise InputError(f"{where}: measure: the metric {given['metric']!r} is {meant}, found {given['measure']!r}")
    return Figure(**given)


def reported_rows(board: Path) -> list[PrintedRow]:
    """The printed rows of all files of a board, by file name; none where there is no such folder."""
    return rows_of(figure for path in sorted((board / FOLDER).glob("*.csv")) for figure in read_figures(path))


def check_folder(board: Path) -> None:
    """MissingError where a board has no reported numbers."""
    if not any((board / FOLDER).glob("*.csv")):
        raise MissingError(f"{board / FOLDER}: no *.csv there; reported numbers are files of figures with their source")
