"""The table of a system on one task: its results with their measures, language by language, as HTML.

Languages stand across where they fit, else down. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from bench.site.cells import flag_mark, flag_text, flags_by_language, number, signed
from bench.site.taskline import apart_of

Result = Mapping[str, Any]


class Line(NamedTuple):
    """A measure of a result, the interval of its main one, or a difference; the mean's cell stands first."""

    label: str
    cells: tuple[str, ...]


def lines_of(result: Result, subsets: Sequence[str], sure: Mapping[str, Any], beside: Sequence[Result]) -> list[Line]:
    """The lines of one result.

    `sure` is what per-query scores say of it (empty where there are none), `beside` the results of the same system on
    the task: a reported one has the difference to the first measured one that shares a measure with it.
    """
    main = result["main_measure"]
    lines = []
    for measure in result["measures"]:
        lines.append(Line(measure, _values(result, measure, subsets, flagged=measure == main)))
        if measure == main and sure:
            languages = sure.get("languages") or {}
            sure_of = [sure.get("mean"), *(languages.get(code) for code in subsets)]
            lines.append(Line("95 %", tuple(_interval(row or {}) for row in sure_of)))
    apart = apart_of(result, [other for other in beside if other["kind"] == "measured"])
    for measure in apart.get("mean", {}):
        rows = [apart["mean"], *(apart["languages"].get(code, {}) for code in subsets)]
        cells = tuple(f"<td>{signed(row[measure]) if measure in row else ''}</td>" for row in rows)
        lines.append(Line(f"measured less this, {measure}", cells))
    return lines


def _values(result: Result, measure: str, subsets: Sequence[str], *, flagged: bool) -> tuple[str, ...]:
    flags = flags_by_language(result) if flagged else {}
    of_all = [flag for code in ("mean", "all") for flag in flags.get(code, ())]
    cells = [_cell(result["mean"].get(measure), of_all, saturated=False)]
    for code in subsets:
        row = result["languages"].get(code, {})
        saturated = measure in (row.get("saturated") or ())
        cells.append(_cell(row.get(measure), flags.get(code, ()), saturated=saturated))
    return tuple(cells)


def _cell(value: float | None, flags: Sequence[Mapping[str, Any]], *, saturated: bool) -> str:
    if value is None:
        return "<td>–</td>"
    text = f"({number(value)})" if saturated else number(value)
    if not flags:
        return f"<td>{text}</td>"
    title = escape("; ".join(map(flag_text, flags)))
    return f'<td class="{flag_mark(flags)}" title="{title}">{text}<i>!</i></td>'


def _interval(row: Mapping[str, Any]) -> str:
    ends = row.get("interval")
    return f"<td><small>{number(ends[0])}–<wbr>{number(ends[1])}</small></td>" if ends else "<td></td>"


def across(labels: Sequence[str], groups: Sequence[Sequence[Line]], subsets: Sequence[str]) -> Markup:
    """Subsets across: for each result a heading and a row a line."""
    heads = [*(["mean"] if len(subsets) > 1 else []), *subsets]
    skip = 0 if len(subsets) > 1 else 1  # One subset is its own mean.
    names = "".join(f'<th scope="col" class="n">{_breakable(name)}</th>' for name in heads)
    parts = [f'<thead><tr><th scope="col" class="name">measure</th>{names}</tr></thead>']
    for label, lines in zip(labels, groups, strict=True):
        heading = (
            f'<tr class="head"><th scope="rowgroup" colspan="{len(heads) + 1}"><span>{escape(label)}</span></th></tr>'
        )
        rows = [f'<tr><th scope="row">{escape(line.label)}</th>{"".join(line.cells[skip:])}</tr>' for line in lines]
        parts.append("\n".join(["<tbody>", heading, *rows, "</tbody>"]))
    return Markup("\n".join(parts))


def down(labels: Sequence[str], groups: Sequence[Sequence[Line]], subsets: Sequence[str]) -> Markup:
    """Subsets down: a column a line, under the heading of its result."""
    tops = zip(labels, groups, strict=True)
    top = "".join(f'<th scope="colgroup" colspan="{len(lines)}">{escape(label)}</th>' for label, lines in tops)
    columns = [line for lines in groups for line in lines]
    names = "".join(f'<th scope="col" class="n">{escape(line.label)}</th>' for line in columns)
    head = f'<thead><tr><td></td>{top}</tr><tr><th scope="col" class="name">subset</th>{names}</tr></thead>'
    rows = [
        f'<tr><th scope="row">{escape(name)}</th>{"".join(line.cells[i] for line in columns)}</tr>'
        for i, name in enumerate(("mean", *subsets))
    ]
    return Markup("\n".join([head, "<tbody>", *rows, "</tbody>"]))


def _breakable(code: str) -> str:
    return str(escape(code)).replace("-", "-<wbr>")
