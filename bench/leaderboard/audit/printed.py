"""Printed numbers: the figures of papers and of other projects as they were transcribed, and the rows they stood in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

AVERAGE = "avg"
"""In the column `language`: the average that the source itself prints."""

EPSILON = 1e-9
"""What floating point may add to a difference of printed values; they have at most 17 digits."""


class Printed(NamedTuple):
    """A value as it was printed; `unit` is one unit of its last digit: 0.001 for 0.430."""

    text: str
    value: float
    unit: float

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Printed:
        """The value that a text is: digits with or without a point and more digits; ValueError where it is none."""
        match = re.fullmatch(r"-?[0-9]+(?:\.([0-9]+))?", text)
        if not match:
            raise ValueError(f"expected a number such as 0.430, found {text!r}")
        return cls(text, float(text), 10.0 ** -len(match[1] or ""))

    def same(self, other: Printed) -> bool:
        """Whether both can be one value, rounded or cut to the digits of the coarser one."""
        return abs(self.value - other.value) < max(self.unit, other.unit) - EPSILON


class Figure(NamedTuple):
    """One transcribed number, on a 0-1 scale with the digits that were printed.

    `metric` is the source's spelling and `measure` ours, `data` the source's name of the data and `task` ours; `system`
    is our name of the model, empty where it is not certain that they are the same.
    """

    source: str
    table: str
    citation: str
    url: str
    data: str
    system: str
    model: str
    task: str
    split: str
    language: str
    metric: str
    measure: str
    value: Printed


@dataclass(frozen=True)
class PrintedRow:
    """One row of a printed table: a system's values of one measure, languages in the order of the transcription.

    Rows are equal that have the same heading, whatever their cells.
    """

    source: str
    table: str
    citation: str
    url: str
    data: str
    system: str
    model: str
    task: str
    split: str
    metric: str
    measure: str
    cells: dict[str, Printed] = field(compare=False)
    average: Printed | None = field(compare=False)

    def __str__(self) -> str:
        """The row as a message names it."""
        return f"{self.source}, {self.table}, {self.task} {self.split}, {self.measure}, {self.model!r}"

    @property
    def table_of_measure(self) -> tuple[str, str, str, str, str]:
        """What the rows of one table and measure share."""
        return self.source, self.table, self.task, self.split, self.measure

    @property
    def mean(self) -> float | None:
        """The unweighted mean of the cells, exactly rounded; None without cells."""
        return math.fsum(cell.value for cell in self.cells.values()) / len(self.cells) if self.cells else None


_HEADING = tuple(name for name in Figure._fields if name not in ("language", "value"))


def rows_of(figures: Iterable[Figure]) -> list[PrintedRow]:
    """The rows that the figures stand in, in the order of their first figures."""
    gathered: dict[tuple[str, ...], dict[str, Printed]] = {}
    for figure in figures:
        heading = tuple(str(getattr(figure, name)) for name in _HEADING)
        gathered.setdefault(heading, {})[figure.language] = figure.value
    return [
        PrintedRow(
            **dict(zip(_HEADING, heading, strict=True)),
            cells={language: value for language, value in values.items() if language != AVERAGE},
            average=values.get(AVERAGE),
        )
        for heading, values in gathered.items()
    ]


def rounding(values: Iterable[Printed]) -> float:
    """How far the mean of printed values can be from the mean of the values before they were rounded."""
    halves = [value.unit / 2 for value in values]
    return math.fsum(halves) / len(halves) if halves else 0.0


def average_fits(row: PrintedRow, average: Printed, without: Sequence[str] = ()) -> bool:
    """Whether an average can be that of the row's cells, `without` some languages, whichever way all were rounded."""
    cells = [cell for language, cell in row.cells.items() if language not in without]
    if not cells:
        return False
    mean = math.fsum(cell.value for cell in cells) / len(cells)
    return abs(average.value - mean) <= average.unit / 2 + rounding(cells) + EPSILON


@dataclass(frozen=True)
class Finding:
    """One thing to look at: the row, the languages concerned, what was seen and the limit, and the rows compared."""

    check: str
    row: PrintedRow
    seen: float | None
    limit: float | None
    message: str
    languages: tuple[str, ...] = ()
    others: tuple[PrintedRow, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON."""
        place = {key: getattr(self.row, key) for key in ("source", "table", "task", "split", "measure", "model")}
        rest = {"languages": list(self.languages), "seen": self.seen, "limit": self.limit, "message": self.message}
        return {"check": self.check} | place | rest | {"others": [str(other) for other in self.others]}
