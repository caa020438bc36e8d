"""A line of a task's table: one result under one measure, each number with what a reader must know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    flags = flags_by_language(result)
    own = sure.get(result["identity"]) if result["kind"] == "measured" else None
    apart = apart_of(result, measured)
    cells = tuple(_cell(result, measure, column, flags, own, apart) for column in columns)
    of = result["mean"]["of"]
    known = sum(row.get(measure) is not None for row in result["languages"].values())
    mean = (own or {}).get("mean") or {}
    rank = result["ranks"].get(measure)
    return Line(
        row,
        rank,
        tuple(mean["ranks"]) if rank and mean.get("ranks") else None,
        " ".join(mean.get("groups") or ()) if rank else "",
        None if rank else why_unranked(result, measure),
        f"{known}/{of}",
        _mean_cell(result, measure, mean, flags, apart),
        cells,
    )


def apart_of(result: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By how much a measured result of the same system is higher than a reported one; empty where there is none."""
    if result["kind"] != "reported":
        return {}
    found = (difference(result, other) for other in measured)
    return next((row for row in found if row is not None), {})


def _mean_cell(
    result: Result,
    measure: str,
    sure: Mapping[str, Any],
    flags: Mapping[str, Sequence[Mapping[str, Any]]],
    apart: Mapping[str, Any],
) -> Cell:
    value = result["mean"].get(measure)
    of_all = [flag for code in ("mean", "all") for flag in flags.get(code, ())]
    saturated = any(measure in row.get("saturated", ()) for row in result["languages"].values())
    printed = (result.get("printed_mean") or {}).get(measure)
    texts = [*_said(sure), *map(flag_text, of_all)]
    if printed is not None and value is None:
        value, texts = printed, [*texts, "the average as printed"]
    elif printed is not None and value is not None and number(printed) != number(value):
        texts.append(f"the source prints {printed:.4g}")
    more = apart.get("mean", {}).get(measure)
    if more is not None:
        texts.append(f"measured here: {more:+.4f} over {apart['over'][measure]}")
    return Cell(value, (SATURATED if saturated else "") + flag_mark(of_all), "; ".join(texts), more)


def _cell(
    result: Result,
    measure: str,
    column: Column,
    flags: Mapping[str, Sequence[Mapping[str, Any]]],
    sure: Sure | None,
    apart: Mapping[str, Any],
) -> Cell:
    value = column.value(result, measure)
    if value is None or (not flags and sure is None and not apart):
        return Cell(value, _saturated(result, measure, column))
    here = flags.get(column.code, ())
    cell = (sure or {}).get("languages", {}).get(column.code) or {}
    more = apart.get("languages", {}).get(column.code, {}).get(measure)
    texts = [*_said(cell), *map(flag_text, here)]
    if more is not None:
        texts.append(f"measured here: {more:+.4f}")
    return Cell(value, _saturated(result, measure, column) + flag_mark(here), "; ".join(texts), more)


def _saturated(result: Result, measure: str, column: Column) -> str:
    row = result["languages"].get(column.code) or {}
    return SATURATED if not column.is_mean and measure in row.get("saturated", ()) else ""


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
