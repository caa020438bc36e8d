"""The table of a task: systems down, languages across, in sections of results that may be ranked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.files import digest
from bench.leaderboard.standings import measures_of, tables_of
from bench.site.cells import BEST, SATURATED, Cell
from bench.site.columns import Column
from bench.site.data import Result, SiteData
from bench.site.heat import Scale, scale_of
from bench.site.names import web_address
from bench.site.taskline import Line, Row, Sureness, line_of


class Section(NamedTuple):
    """Results of one kind on the same data: `ranked` by falling mean, `rest` those without a rank."""

    kind: str
    title: str
    address: str | None
    ranked: tuple[Line, ...]
    rest: tuple[Line, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.ranked + self.rest

    @property
    def has_values(self) -> bool:
        """Whether any of them says something under this measure: a printed table mostly has one measure."""
        lines = ((line.mean, *line.cells) for line in self.lines)
        return any(cell.value is not None for cells in lines for cell in cells)


class Table(NamedTuple):
    """Under one measure, all sections; `scale` is that of the colours of all of them, `has_groups`: of any line."""

    measure: str
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    scale: Scale
    has_groups: bool

    def data(self) -> dict[str, Any]:
        """For the script: the lines in order, and by the name of their row."""
        rows = {line.row.key: line.data() for section in self.sections for line in section.lines}
        return {"scale": list(self.scale), "rows": rows}


def main_measure(site: SiteData, task: str) -> str:
    """The task's main measure: its card's, else that of most results."""
    card = site.task_card(task)
    names = [result["main_measure"] for result in site.by_task[task]]
    if card and any(card.measures[0] in result["measures"] for result in site.by_task[task]):
        return str(card.measures[0])
    return str(max(sorted(set(names)), key=names.count))


def shown_measures(site: SiteData, task: str) -> list[str]:
    """The measures of a task's results, the main one first, then in the order of its card."""
    card = site.task_card(task)
    there = measures_of(site.by_task[task])
    order = dict.fromkeys((main_measure(site, task), *(card.measures if card else ()), *there))
    return [measure for measure in order if measure in there]


def rows_of(site: SiteData, task: str) -> dict[int, Row]:
    """The rows of a task's results, by the id of the result."""
    return site.once(("rows", task), lambda: _rows_of(site, task))


def _rows_of(site: SiteData, task: str) -> dict[int, Row]:
    results = site.by_task[task]
    stems = [site.system_stem(site.system_of(result)) for result in results]
    rows = {}
    for result, stem in zip(results, stems, strict=True):
        alone = stems.count(stem) == 1
        key = stem if alone else f"{stem}.{digest([result['kind'], _origin(result)])[:6]}"
        page = site.system_page(site.system_of(result))
        rows[id(result)] = Row(key, result, page, _detail(result, alone=alone), site.traits(result))
    return rows


def _origin(result: Result) -> list[Any]:
    """What tells the results of one system on one task apart."""
    return [result["model"], result["identity"], result.get("origin")]


def _detail(result: Result, *, alone: bool) -> str:
    """What stands beside the name where a system has several rows."""
    if alone:
        return ""
    if result["kind"] == "imported":
        return str(result["origin"]["revision"] or "")[:8]
    return str(result["identity"]) if result["kind"] == "measured" else ""


def task_table(
    site: SiteData, task: str, measure: str, columns: Sequence[Column], rows: Mapping[int, Row], sure: Sureness
) -> Table:
    """The table of one task under one measure."""
    pools = tables_of(site.by_task[task])
    measured = [result for result in site.by_task[task] if result["kind"] == "measured"]
    sections = [_section(pool, measure, columns, rows, sure, measured) for pool in pools]
    values = [
        cell.value
        for section in sections
        for line in section.lines
        for cell in line.cells
        if cell.value is not None and SATURATED not in cell.marks
    ]
    has_groups = any(line.groups for section in sections for line in section.lines)
    return Table(measure, tuple(columns), tuple(sections), scale_of(values), has_groups)


def _section(
    pool: Sequence[Result],
    measure: str,
    columns: Sequence[Column],
    rows: Mapping[int, Row],
    sure: Sureness,
    measured: Sequence[Result],
) -> Section:
    lines = [line_of(rows[id(result)], measure, columns, sure, measured) for result in pool]
    ranked = sorted((line for line in lines if line.rank), key=lambda line: (line.rank or 0, line.row.key))
    rest = sorted((line for line in lines if not line.rank), key=_place)
    first = pool[0]
    best = _best(ranked)
    return Section(first["kind"], *_heading(first), tuple(_starred(line, best) for line in ranked), tuple(rest))


def _place(line: Line) -> tuple[int, float, str]:
    known = sum(cell.value is not None for cell in line.cells)
    return -known, -(line.mean.value or 0.0), line.row.key


def _best(lines: Sequence[Line]) -> list[float | None]:
    """The highest value of each column, the mean's first; None where there is nothing to compare."""
    if len(lines) < 2:
        return []
    columns = zip(*((line.mean, *line.cells) for line in lines), strict=True)
    known = (
        [cell.value for cell in cells if cell.value is not None and SATURATED not in cell.marks] for cells in columns
    )
    return [max(values, default=None) for values in known]


def _starred(line: Line, best: Sequence[float | None]) -> Line:
    """The line with the best of each column marked."""
    if not best:
        return line
    cells = [
        cell._replace(marks=cell.marks + BEST) if _is_best(cell, top) else cell
        for cell, top in zip((line.mean, *line.cells), best, strict=True)
    ]
    return line._replace(mean=cells[0], cells=tuple(cells[1:]))


def _is_best(cell: Cell, top: float | None) -> bool:
    return cell.value is not None and cell.value == top and SATURATED not in cell.marks


def _heading(result: Result) -> tuple[str, str | None]:
    """What a section is called, and where its numbers come from."""
    origin = result.get("origin") or {}
    if result["kind"] == "measured":
        return "Measured with bench, on the same data", None
    if result["kind"] == "imported":
        data = f", data {str(origin['dataset_revision'])[:8]}" if origin.get("dataset_revision") else ""
        return f"Imported: computed by others with mteb ({origin['task']}{data})", None
    table = " ".join(str(origin[key]) for key in ("source", "table") if origin.get(key))
    own = origin.get("data") in (None, "", result["task"].partition("@")[0])
    data = "" if own else f", data {origin['data']}"
    return f"Reported: {table}{data}", web_address(origin.get("url"))
