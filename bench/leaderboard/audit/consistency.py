"""What a printed row must agree with: its average, the range of its measure, the count of questions, its cutoffs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from bench.leaderboard.audit.printed import EPSILON, Finding, Printed, PrintedRow, average_fits
from bench.measure import Measure

Counted = Callable[[str, str, str], int | None]
"""The number of questions that count in (task, split, language), None where no card says it."""


def out_of_range(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Values outside [0, 1], one finding a row."""
    for row in rows:
        values = row.cells | ({"avg": row.average} if row.average is not None else {})
        wrong = {language: value for language, value in values.items() if not 0 <= value.value <= 1}
        if wrong:
            seen = max((value.value for value in wrong.values()), key=lambda value: abs(value - 0.5))
            yield Finding("out of range", row, seen, 1.0, f"not between 0 and 1: {_listed(wrong)}", tuple(wrong))


def averages(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Printed averages that rounding cannot explain: further from the mean of the cells than both can be rounded by."""
    for row in rows:
        if row.average is not None and row.mean is not None and not average_fits(row, row.average):
            message = f"the printed average is {row.average}, the mean of its {len(row.cells)} cells {row.mean:.4f}"
            reasons = "; ".join(_reasons(row, row.average, rows))
            message += f" ({reasons})" if reasons else ""
            yield Finding("average", row, row.average.value, row.mean, message)


def _reasons(row: PrintedRow, average: Printed, rows: Sequence[PrintedRow]) -> Iterator[str]:
    """What may explain an average; more than one may be true, or none."""
    equal = [language for language, value in row.cells.items() if value.text == average.text]
    if equal:
        yield f"the cell {', '.join(equal)} has its value"
    table = [r for r in rows if r.table_of_measure == row.table_of_measure and r != row]
    cells_of = [r.model for r in table if r.average is not None and average_fits(row, r.average)]
    printed_for = [r.model for r in table if average_fits(r, average)]
    if cells_of and printed_for:
        yield f"moved by a row? Its cells have the average printed for {cells_of[0]!r}"
    elsewhere = {frozenset(row.cells) - frozenset(r.cells) for r in rows if r.task == row.task and len(r.cells) > 2}
    sets = [tuple(sorted(left)) for left in elsewhere if 1 < len(left) < len(row.cells) / 2]
    for left in [*sorted(sets), *((language,) for language in row.cells)]:
        if average_fits(row, average, left):
            yield f"it would be the mean without {', '.join(left)}"
            return


def impossible_values(rows: Sequence[PrintedRow], counted: Counted) -> Iterator[Finding]:
    """Cells of measures that are 0 or 1 a question which are no multiple of 1/n, however they were rounded.

    Only where the digits can tell: 1/n must be wider than a unit of the last digit.
    """
    for row in rows:
        measure = Measure.parse(row.measure)
        if measure.base != "Success" and measure.tokens is None:
            continue
        wrong = {}
        for language, value in row.cells.items():
            n = counted(row.task, row.split, language)
            if n and value.unit * n < 1 and abs(_nearest(value, n) - value.value) > value.unit / 2 + EPSILON:
                wrong[language] = n
        if wrong:
            text = ", ".join(f"{language} {row.cells[language]} of {n} questions" for language, n in wrong.items())
            first = row.cells[next(iter(wrong))]
            nearest = _nearest(first, next(iter(wrong.values())))
            message = f"no whole number of questions: {text}"
            yield Finding("impossible value", row, first.value, nearest, message, tuple(wrong))


def _nearest(value: Printed, n: int) -> float:
    return round(value.value * n) / n


_GROWING = {"R", "Success", "MRR", "AP"}


def impossible_orders(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Cells of R, Success, MRR or AP that are higher at a smaller cutoff, for one system of one source."""
    by_system: dict[tuple[str, ...], list[tuple[int, PrintedRow]]] = {}
    for row in rows:
        measure = Measure.parse(row.measure)
        cut = measure.tokens or measure.cutoff
        if measure.base in _GROWING and cut:
            kind = f"{measure.base} {'tokens' if measure.tokens else 'ranks'}"
            by_system.setdefault((row.source, row.model, row.task, row.split, row.data, kind), []).append((cut, row))
    for group in by_system.values():
        for (low, small), (high, large) in combinations(sorted(group, key=lambda pair: pair[0]), 2):
            shared = [language for language in small.cells if language in large.cells and low < high]
            wrong = [language for language in shared if _above(small.cells[language], large.cells[language])]
            if wrong:
                text = ", ".join(f"{c} {small.cells[c]} and {large.cells[c]}" for c in wrong)
                message = f"{small.measure} is above {large.measure} of {large.table}: {text}"
                seen, limit = small.cells[wrong[0]].value, large.cells[wrong[0]].value
                yield Finding("impossible order", small, seen, limit, message, tuple(wrong), (large,))


def _above(a: Printed, b: Printed) -> bool:
    return a.value - b.value > (a.unit + b.unit) / 2 + EPSILON


def _listed(values: Mapping[str, Printed]) -> str:
    return ", ".join(f"{language} {value}" for language, value in values.items())
