"""Language profiles: how a row of a table goes up and down over the languages, compared with other rows.

Systems differ in level, but what is hard for one is mostly hard for the others. A row whose cells slipped by a column,
or were filled in by another order of the languages, correlates with the rest as soon as they are put back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.leaderboard.audit.printed import Finding, PrintedRow

# With fewer languages a move of one column fits as well by chance as the order that was printed.
_LANGUAGES = 8
_ROWS = 3  # Others, to know what is usual.
_FITS = 0.7  # A correlation from here on counts as a fit,
_UNLIKE = 0.5  # and one below this as none: less than a quarter of what varies is shared.
# Standard errors of the difference between two correlations (Fisher's z, 1 / sqrt(n - 3) each). Half a dozen orders are
# tried for a hundred rows, and each must fit as well: by chance about one finding in a thousand tables.
_ERRORS = 3.0
_MOVES = (-2, -1, 1, 2)

Cells = NDArray[np.float64]
Order = NDArray[np.int64]


def misplaced_cells(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Rows that fit the median profile of their measure's other rows far better moved by columns or reordered."""
    for row in rows:
        typical = _typical(row, rows)
        if typical is None:
            continue
        cells, median = typical
        printed, error = _correlation(cells, median), 1 / math.sqrt(len(cells) - 3)
        name, best, best_error = _best(cells, median, list(row.cells), rows, row.task)
        rise = (_z(best) - _z(printed)) / math.hypot(error, best_error)
        if best >= _FITS and rise >= _ERRORS:
            message = f"correlation with the other rows {printed:.2f} as printed, {best:.2f} with its cells {name}"
            first = next(iter(row.cells.values()))
            if name == "moved right by one" and row.average is not None and first.text == row.average.text:
                message += "; the first cell is the printed average, so the last one is lost"
            yield Finding("order", row, printed, best, message)


def disagreeing_measures(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Pairs of rows of one system that do not go together, though those of the other systems do."""
    pairs = list(_pairs(rows))
    for a, b in pairs:
        common = [language for language in a.cells if language in b.cells]
        others = [_z(_between(c, d)) for c, d in pairs if _kind(c, d) == _kind(a, b) and c.model != a.model]
        if len(others) < _ROWS:
            continue
        seen, usual = _between(a, b), math.tanh(float(np.median(others)))
        if seen < _UNLIKE and usual >= _FITS and (_z(usual) - _z(seen)) * math.sqrt(len(common) - 3) >= _ERRORS:
            message = f"correlation with {b} {seen:.2f}, of other systems {usual:.2f}"
            name, best, _ = _best(_values(a, common), _values(b, common), common, rows, a.task, moves=())
            if best >= _FITS:
                message += f"; {best:.2f} with the cells of {a.table} {name}"
            yield Finding("measures disagree", a, seen, usual, message, (), (b,))


def _typical(row: PrintedRow, rows: Sequence[PrintedRow]) -> tuple[Cells, Cells] | None:
    """A row's cells and the median of the standardised cells of the other rows of its task, split and measure.

    Rows that repeat one another count once, and copies of the row itself not at all. None where too little is there.
    """
    languages = list(row.cells)
    others: list[PrintedRow] = []
    for other in rows:
        alike = (other.task, other.split, other.measure) == (row.task, row.split, row.measure)
        whole = alike and other != row and set(languages) <= set(other.cells)
        if whole and not any(_copies(other, known, languages) for known in (row, *others)):
            others.append(other)
    if len(languages) < _LANGUAGES or len(others) < _ROWS:
        return None
    columns = [_standardised(_values(other, languages)) for other in others]
    return _values(row, languages), np.median(columns, axis=0)


def _copies(a: PrintedRow, b: PrintedRow, languages: Sequence[str]) -> bool:
    return 2 * sum(a.cells[language].same(b.cells[language]) for language in languages) >= len(languages)


def _pairs(rows: Sequence[PrintedRow]) -> Iterator[tuple[PrintedRow, PrintedRow]]:
    for i, a in enumerate(rows):
        for b in rows[i + 1 :]:
            system = (a.source, a.model, a.task, a.split) == (b.source, b.model, b.task, b.split)
            if system and a.measure != b.measure and len(set(a.cells) & set(b.cells)) >= _LANGUAGES:
                yield a, b


def _kind(a: PrintedRow, b: PrintedRow) -> tuple[str, ...]:
    return a.task, a.split, *sorted((a.measure, b.measure))


def _between(a: PrintedRow, b: PrintedRow) -> float:
    common = [language for language in a.cells if language in b.cells]
    return _correlation(_values(a, common), _values(b, common))


def _best(
    cells: Cells,
    median: Cells,
    languages: Sequence[str],
    rows: Sequence[PrintedRow],
    task: str,
    moves: Sequence[int] = _MOVES,
) -> tuple[str, float, float]:
    """What was done to the cells, that fits best: its name, the correlation, and the standard error of Fisher's z.

    Tried are moves by one or two columns, and that the cells follow another order of the languages: by code, backwards,
    or as another table of the task has them.
    """
    n, tried = len(cells), []
    for move in moves:
        kept = slice(max(0, move), n + min(0, move))
        r = _correlation(cells[kept], median[max(0, -move) : n + min(0, -move)])
        way = "right" if move > 0 else "left"
        tried.append((f"moved {way} by {('one', 'two')[abs(move) - 1]}", r, 1 / math.sqrt(n - abs(move) - 3)))
    for name, order in _orders(languages, rows, task).items():
        tried.append((name, _correlation(cells, median[order]), 1 / math.sqrt(n - 3)))
    return max(tried, key=lambda way: way[1], default=("as they are", -1.0, 1.0))


def _orders(languages: Sequence[str], rows: Sequence[PrintedRow], task: str) -> Mapping[str, Order]:
    """By name, other orders in which the cells may have been filled in: at i, the language cell i was meant for."""
    position = {language: i for i, language in enumerate(languages)}
    orders = {"in the order of the codes": sorted(languages), "backwards": list(reversed(languages))}
    for row in rows:
        listed = [language for language in row.cells if language in position]
        if row.task == task and len(listed) == len(languages) and listed not in orders.values():
            orders[f"in the order of {row.source}, {row.table}"] = listed
    return {
        name: np.array([position[language] for language in order])
        for name, order in orders.items()
        if order != list(languages)
    }


def _values(row: PrintedRow, languages: Sequence[str]) -> Cells:
    return np.array([row.cells[language].value for language in languages])


def _standardised(values: Cells) -> Cells:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def _correlation(a: Cells, b: Cells) -> float:
    """Pearson's; 0 where one side is constant."""
    return float(np.mean(_standardised(a) * _standardised(b)))


def _z(correlation: float) -> float:
    return math.atanh(max(-0.999, min(0.999, correlation)))
