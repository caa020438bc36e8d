"""A line of a task's table: one result under one measure, each number with what a reader must know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from bench.leaderboard.reported import difference
from bench.leaderboard.standings import why_unranked
from bench.site.cells import SATURATED, Cell, flag_mark, flag_text, flags_by_language, number
from bench.site.columns import Column
from bench.site.data import Result
from bench.site.sureness import Sure
from bench.site.traits import Traits, size_text

Sureness = Mapping[str, Sure]
"""What per-query scores say of measured systems, by identity."""


@dataclass(frozen=True)
class Row:
    """One result as a row: what does not depend on the measure. `key` is its name in links, one of its own a task."""

    key: str
    result: Result
    page: str
    detail: str
    traits: Traits

    @property
    def kind(self) -> str:
        return str(self.result["kind"])

    @property
    def size(self) -> str:
        return size_text(self.traits.parameters)

    @cached_property
    def flags(self) -> dict[str, list[Mapping[str, Any]]]:
        """Those of its result, by language."""
        return flags_by_language(self.result)

    def under(self, measure: str) -> Facts:
        """What holds under a measure on every page of a task; a task in parts has many."""
        if measure not in self._facts:
            self._facts[measure] = _facts(self.result, measure)
        return self._facts[measure]

    @cached_property
    def _facts(self) -> dict[str, Facts]:
        return {}


class Facts(NamedTuple):
    """A result under one measure: how many subsets have a value, which are saturated, and why it has no rank."""

    known: int
    saturated: frozenset[str]
    reason: str | None


def _facts(result: Result, measure: str) -> Facts:
    rows = result["languages"]
    known = sum(row.get(measure) is not None for row in rows.values())
    saturated = frozenset(code for code, row in rows.items() if "saturated" in row and measure in row["saturated"])
    return Facts(known, saturated, None if result["ranks"].get(measure) else why_unranked(result, measure))


class Line(NamedTuple):
    """A row under one measure.

    `ranks` and `groups` are what per-query scores say of its rank, `reason` says why it has none.
    """

    row: Row
    rank: int | None
    ranks: tuple[int, int] | None
    groups: str
    reason: str | None
    coverage: str
    mean: Cell
    cells: tuple[Cell, ...]

    def data(self) -> list[Any]:
        """For the script."""
        ranks = list(self.ranks) if self.ranks else None
        cells = [cell.data() for cell in self.cells]
        return [self.rank, ranks, self.groups, self.reason, self.coverage, self.mean.data(), cells]


def line_of(row: Row, measure: str, columns: Sequence[Column], sure: Sureness, measured: Sequence[Result]) -> Line:
    """The line of a row; `measured` are the measured results of its task, which a reported one is compared with."""
    result = row.result
    facts = row.under(measure)
    own = sure.get(result["identity"]) if result["kind"] == "measured" else None
    apart = apart_of(result, measured)
    if row.flags or own or apart:
        cells = tuple(_cell(row, measure, column, own or {}, apart) for column in columns)
    else:  # Nearly all of a large board: numbers and nothing else.
        cells = tuple(Cell(column.value(result, measure), _saturated(facts, column)) for column in columns)
    mean = (own or {}).get("mean") or {}
    rank = result["ranks"].get(measure)
    return Line(
        row,
        rank,
        tuple(mean["ranks"]) if rank and mean.get("ranks") else None,
        " ".join(mean.get("groups") or ()) if rank else "",
        facts.reason,
        f"{facts.known}/{result['mean']['of']}",
        _mean_cell(row, measure, mean, apart),
        cells,
    )


def apart_of(result: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By how much a measured result of the same system is higher than a reported one; empty where there is none."""
    if result["kind"] != "reported":
        return {}
    found = (difference(result, other) for other in measured)
    return next((row for row in found if row is not None), {})


def _mean_cell(row: Row, measure: str, sure: Mapping[str, Any], apart: Mapping[str, Any]) -> Cell:
    result = row.result
    value = result["mean"].get(measure)
    of_all = [flag for code in ("mean", "all") for flag in row.flags.get(code, ())]
    printed = (result.get("printed_mean") or {}).get(measure)
    texts = [*_said(sure), *map(flag_text, of_all)]
    if printed is not None and value is None:
        value, texts = printed, [*texts, "the average as printed"]
    elif printed is not None and value is not None and number(printed) != number(value):
        texts.append(f"the source prints {printed:.4g}")
    more = apart.get("mean", {}).get(measure)
    if more is not None:
        texts.append(f"measured here: {more:+.4f} over {apart['over'][measure]}")
    saturated = SATURATED if row.under(measure).saturated else ""
    return Cell(value, saturated + flag_mark(of_all), "; ".join(texts), more)


def _cell(row: Row, measure: str, column: Column, sure: Sure, apart: Mapping[str, Any]) -> Cell:
    value, saturated = column.value(row.result, measure), _saturated(row.under(measure), column)
    here = row.flags.get(column.code, ())
    if value is None or not (here or sure or apart):
        return Cell(value, saturated)
    cell = sure.get("languages", {}).get(column.code) or {}
    more = apart.get("languages", {}).get(column.code, {}).get(measure)
    texts = [*_said(cell), *map(flag_text, here)]
    if more is not None:
        texts.append(f"measured here: {more:+.4f}")
    return Cell(value, saturated + flag_mark(here), "; ".join(texts), more)


def _saturated(facts: Facts, column: Column) -> str:
    return SATURATED if facts.saturated and not column.is_mean and column.code in facts.saturated else ""


def _said(cell: Mapping[str, Any]) -> list[str]:
    """What per-query scores say of a number."""
    texts = []
    if cell.get("interval"):
        texts.append("95 % {}–{}".format(*map(number, cell["interval"])))
    if cell.get("ranks"):
        best, worst = cell["ranks"]
        texts.append(f"rank {best}" if best == worst else f"rank {best} to {worst}")
    if cell.get("groups"):
        texts.append(f"group {' '.join(cell['groups'])}")
    return texts
