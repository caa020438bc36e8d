"""Tables with languages across, as papers print them: best of each column marked, partial results below a line.

A table that is wider than the terminal is cut into several, never into wrapped cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.cli.output import console

_PIPE = 120  # Columns of a table that goes into a file or a pipe.
_GAP = 3  # What rich adds to the width of a column: padding and a blank rule.
_NAME = 36  # A longer name of a system is shortened in tables, never in JSON.


@dataclass(frozen=True)
class Line:
    """One system in a table; `partial` is `n/of` where languages are missing, `flagged` the languages to look at."""

    name: str
    values: Mapping[str, float | None]
    mean: float | None
    partial: str | None
    saturated: frozenset[str]
    flagged: frozenset[str]


def lines_of(results: Iterable[Mapping[str, Any]], measure: str) -> list[Line]:
    """The lines of one measure from result objects (`bench run --json`): complete ones first, by falling mean."""
    lines = []
    for result in results:
        values = {code: block.get(measure) for code, block in result["languages"].items()}
        known, of = sum(value is not None for value in values.values()), result["mean"]["of"]
        line = Line(
            name=result["model"],
            values=values,
            mean=result["mean"].get(measure),
            partial=None if known == of else f"{known}/{of}",
            saturated=frozenset(c for c, b in result["languages"].items() if measure in b.get("saturated", ())),
            flagged=frozenset(f["language"] for f in result["flags"] if not f.get("expected")),
        )
        lines.append(line)
    return sorted(lines, key=lambda line: (line.partial is not None, -(line.mean or 0.0), line.name))


def print_table(title: str, languages: Sequence[str], lines: Sequence[Line]) -> None:
    """Print one measure of one task: a row a system, a column a language, the mean first."""
    out = console()
    if not lines:
        return
    name = min(_NAME, max(len(line.name) for line in lines))
    width = out.width if out.is_terminal else min(out.width, _PIPE)
    cell = 7 if any(line.saturated or line.flagged for line in lines) else 6
    mean = 11 if any(line.partial for line in lines) else 6
    columns = max(1, (width - name - mean - 2 * _GAP) // (cell + _GAP))
    out.print(title, style="bold", soft_wrap=True, markup=False)
    for start in range(0, len(languages), columns):
        out.print(_part(languages[start : start + columns], lines))
    for remark in _remarks(lines):
        out.print(remark, style="dim", soft_wrap=True, markup=False)


def _part(languages: Sequence[str], lines: Sequence[Line]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True, max_width=_NAME, overflow="ellipsis")
    table.add_column("mean", justify="right", no_wrap=True)
    for code in languages:
        table.add_column(Text(code), justify="right", no_wrap=True)
    best = _best(languages, lines)
    for i, line in enumerate(lines):
        cells = [_cell(line, code, best) for code in languages]
        mean = Text(_number(line.mean) + (f" {line.partial}" if line.partial else _star("mean", line, best)))
        ends = line.partial is None and i + 1 < len(lines) and lines[i + 1].partial is not None
        table.add_row(Text(line.name), mean, *cells, end_section=ends)
    return table


def _best(languages: Sequence[str], lines: Sequence[Line]) -> dict[str, float]:
    """The highest value of each column among the complete lines; saturated cells say nothing and are left out."""
    best: dict[str, float] = {}
    for line in lines:
        if line.partial is None:
            values = {code: line.values.get(code) for code in languages if code not in line.saturated}
            mean = {} if line.saturated else {"mean": line.mean}
            for code, value in (values | mean).items():
                if value is not None:
                    best[code] = max(value, best.get(code, 0.0))
    return best if sum(line.partial is None for line in lines) > 1 else {}


def _cell(line: Line, code: str, best: Mapping[str, float]) -> Any:
    from rich.text import Text

    value = line.values.get(code)
    if value is None:
        return Text("-", style="dim")
    if code in line.saturated:
        return Text(f"({_number(value)})", style="dim")
    mark = _star(code, line, best)
    return Text(_number(value) + mark + ("!" if code in line.flagged else ""), style="bold" if mark == "*" else "")


def _star(code: str, line: Line, best: Mapping[str, float]) -> str:
    value = line.mean if code == "mean" else line.values.get(code)
    return "*" if code in best and value == best[code] else ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _remarks(lines: Sequence[Line]) -> Iterator[str]:
    if any(line.saturated for line in lines):
        yield "(.) the cut is not below the number of documents: the cell says nothing"
    if any(line.flagged & set(line.values) for line in lines):
        yield "! improbable, see the flags: look before believing"
    if any(line.partial for line in lines):
        yield "n/m: the mean is over n of m languages; such results are not ranked"
