"""Any systems of a task side by side, by their means: what a reader chooses from, and what is shown at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.leaderboard.standings import tables_of
from bench.site.cells import number, signed
from bench.site.columns import MOST, Column, parts_of, plain_columns, subsets_of
from bench.site.data import SiteData
from bench.site.tasktable import rows_of, shown_measures

SHOWN = 4
STEPS = (0.005, 0.02, 0.05)
"""Differences from which a cell has the next step of colour."""


class Side(NamedTuple):
    """One system: its name in links, by measure the mean and the columns, null where there is none."""

    key: str
    name: str
    kind: str
    page: str
    values: Mapping[str, tuple[float | None, ...]]


class Cell(NamedTuple):
    """A value, the difference to the first system, and the class of its colour."""

    text: str
    difference: str
    colour: str


class Sides(NamedTuple):
    """What a page compares: `labels` are those of the mean and the columns, the first `SHOWN` sides stand there."""

    task: str
    measures: tuple[str, ...]
    labels: tuple[str, ...]
    sides: tuple[Side, ...]

    @property
    def shown(self) -> tuple[Side, ...]:
        return self.sides[:SHOWN]

    def lines(self) -> list[tuple[str, list[Cell]]]:
        """The mean and each column, with a cell for each side that is shown."""
        measure = self.measures[0]
        columns = [side.values.get(measure, (None,) * len(self.labels)) for side in self.shown]
        return [
            (label, [_cell(c[i], columns[0][i], at) for at, c in enumerate(columns)])
            for i, label in enumerate(self.labels)
        ]

    def data(self, pairs: Mapping[str, str]) -> dict[str, Any]:
        """For the script; values in millionths, so that they round as here."""
        sides = [[side.key, side.name, side.kind, side.page, self._values(side)] for side in self.sides]
        return {"measures": self.measures, "labels": self.labels, "steps": STEPS, "sides": sides, "pairs": dict(pairs)}

    def _values(self, side: Side) -> list[Any]:
        return [
            [None if value is None else round(value * 1_000_000) for value in side.values[measure]]
            if measure in side.values
            else None
            for measure in self.measures
        ]


def sides_of(site: SiteData, task: str) -> Sides:
    """All systems of a task, in the order of its tables."""
    results = site.by_task[task]
    subsets = subsets_of(site, task)
    parts = parts_of(subsets) if len(subsets) > MOST else []
    columns = [Column(part.name, part.name, part.name, part.subsets) for part in parts] or plain_columns(subsets)
    measures = shown_measures(site, task)
    rows = rows_of(site, task)
    sides = []
    for table in tables_of(results):
        ranked = sorted(table, key=lambda r: (r["ranks"].get(measures[0]) or len(table) + 1, rows[id(r)].key))
        for result in ranked:
            row = rows[id(result)]
            name = site.system_of(result) + (f" {row.detail}" if row.detail else "")
            values = {
                measure: (result["mean"].get(measure), *(column.value(result, measure) for column in columns))
                for measure in measures
                if measure in result["measures"]
            }
            sides.append(Side(row.key, name, row.kind, row.page, values))
    labels = ("mean", *(column.label for column in columns))
    return Sides(task, tuple(measures), labels, tuple(sides))


def _cell(value: float | None, first: float | None, at: int) -> Cell:
    if value is None:
        return Cell("–", "", "")
    if at == 0 or first is None:
        return Cell(number(value), "", "")
    difference = round(value, 6) - round(first, 6)  # As the script has them.
    return Cell(number(value), signed(difference), colour_of(difference))


def colour_of(difference: float) -> str:
    """`p1` to `p3` for what is higher, `n1` to `n3` for what is lower, empty for what is hardly apart."""
    step = sum(abs(difference) >= limit for limit in STEPS)
    return f"{'p' if difference > 0 else 'n'}{step}" if step else ""
