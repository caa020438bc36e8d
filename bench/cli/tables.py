"""Tables with languages across, as papers print them: best of each column marked, partial results below a line.

A table that is wider than the terminal is cut into several, never into wrapped cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from bench.cli.output import console, plain
from bench.summary import is_approximate, searched_name, unexplained

_PIPE = 120  # Columns of a table that goes into a file or a pipe.
_GAP = 3  # What rich adds to the width of a column: padding and a blank rule.
_NAME = 36  # A longer name of a system is shortened in tables, never in JSON.

_TRAINED = {"declared": "t", "inherited": "i", "unknown": "?"}
"""Marks of what is said of a system's training; none where it is said not to hold the task's data."""


@dataclass(frozen=True)
class Line:
    """One system in a table; `partial` is `n/of` where languages are missing, `flagged` the languages to look at.

    `rank` is None where it has none, or where none was asked for; `trained` is the mark of its contamination.
    """

    name: str
    values: Mapping[str, float | None]
    mean: float | None
    partial: str | None
    saturated: frozenset[str]
    flagged: frozenset[str]
    rank: int | None = None
    trained: str = ""
    approximate: bool = False

    @property
    def apart(self) -> bool:
        """Whether it stands below the line, out of every comparison."""
        return self.partial is not None or bool(self.flagged) or self.approximate


def lines_of(results: Iterable[Mapping[str, Any]], measure: str) -> list[Line]:
    """The lines of one measure from result objects (`bench run --json`): complete ones first, by falling mean."""
    lines = []
    for result in results:
        values = {code: block.get(measure) for code, block in result["languages"].items()}
        known, of = sum(value is not None for value in values.values()), result["mean"]["of"]
        line = Line(
            name=plain(searched_name(result)),
            approximate=is_approximate(result),
            values=values,
            mean=result["mean"].get(measure),
            partial=None if known == of else f"{known}/{of}",
            saturated=frozenset(c for c, b in result["languages"].items() if measure in b.get("saturated", ())),
            flagged=frozenset(flag["language"] for flag in unexplained(result)),
            rank=result.get("ranks", {}).get(measure),
            trained=_TRAINED.get(result.get("contamination", {}).get("state"), ""),
        )
        lines.append(line)
    return sorted(lines, key=_place)


def _place(line: Line) -> tuple[bool, int, float, str]:
    """By falling mean; means over fewer languages stand after those over more."""
    missing = sum(value is not None for value in line.values.values()) if line.partial else 0
    return line.apart, -missing, -(line.mean or 0.0), line.name


def flag_line(flag: Mapping[str, Any]) -> str:
    """A flag in words, with what was seen, the limit, and the note that explains it."""
    text = f"{flag['language']}: {flag['check']} ({flag['seen']:.3f}, limit {flag['limit']:.3f})"
    return f"{text}, explained: {flag['note']}" if flag.get("note") else f"! {text}"


def print_table(
    title: str, languages: Sequence[str], lines: Sequence[Line], mean_name: str = "mean", most: int | None = None
) -> None:
    """Print one measure of one task: a row a system, a column a language, the mean first; ranks where there are any.

    `most` is the number of rows to print; the best of a column is that of all lines.
    """
    out = console()
    if not lines:
        return
    name = min(_NAME, max(len(line.name) for line in lines))
    width = out.width if out.is_terminal else min(out.width, _PIPE)
    cell = 7 if any(line.saturated or line.flagged for line in lines) else 6
    mean = 11 if any(line.partial for line in lines) else 6
    number = len(str(len(lines))) + _GAP if any(line.rank for line in lines) else 0
    number += 1 + _GAP if any(line.trained for line in lines) else 0
    columns = max(1, (width - number - name - max(mean, len(mean_name)) - 2 * _GAP) // (cell + _GAP))
    out.print(title, style="bold", soft_wrap=True, markup=False)
    for start in range(0, len(languages), columns):
        out.print(_part(languages[start : start + columns], lines, mean_name, most))
    for remark in _remarks(lines):
        out.print(remark, style="dim", soft_wrap=True, markup=False)


def print_slices(results: Iterable[Mapping[str, Any]], measure: str) -> None:
    """Print the slices of a measure, a table a result that has them: a row a language of the questions."""
    for result in results:
        slices = result.get("slices", {}).get(measure, {})
        columns = list(dict.fromkeys(name for row in slices.values() for name in row))
        lines = [Line(code, row, fmean(row.values()), None, frozenset(), frozenset()) for code, row in slices.items()]
        title = f"{result['task']}, {measure} by questions (down) and relevant documents (across)"
        print_table(f"{title}: {plain(result['model'])}", columns, lines)


def _part(languages: Sequence[str], lines: Sequence[Line], mean_name: str, most: int | None) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    ranked = any(line.rank for line in lines)
    if ranked:
        table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, max_width=_NAME, overflow="ellipsis")
    marked = any(line.trained for line in lines)
    if marked:
        table.add_column("", no_wrap=True)
    table.add_column(mean_name, justify="right", no_wrap=True)
    for code in languages:
        table.add_column(Text(code), justify="right", no_wrap=True)
    best = _best(languages, lines)
    for i, line in enumerate(lines[:most]):
        cells = [_cell(line, code, best) for code in languages]
        mean = Text(_number(line.mean) + (f" {line.partial}" if line.partial else _star("mean", line, best)))
        ends = not line.apart and i + 1 < len(lines) and lines[i + 1].apart
        rank = [Text(str(line.rank or ""))] if ranked else []
        trained = [Text(line.trained, style="dim")] if marked else []
        table.add_row(*rank, Text(line.name), *trained, mean, *cells, end_section=ends)
    return table


def _best(languages: Sequence[str], lines: Sequence[Line]) -> dict[str, float]:
    """The highest value of each column among the lines that are not apart; saturated cells say nothing, none is one."""
    best: dict[str, float] = {}
    for line in lines:
        if not line.apart:
            values = {code: line.values.get(code) for code in languages if code not in line.saturated}
            mean = {} if line.saturated else {"mean": line.mean}
            for code, value in (values | mean).items():
                if value is not None:
                    best[code] = max(value, best.get(code, 0.0))
    return best if sum(not line.apart for line in lines) > 1 else {}


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
        yield "! improbable, see the flags: look before believing; such results are not ranked"
    if any(line.approximate for line in lines):
        yield "~ searched by an approximate index: see the notes for what it lost; such results are not ranked"
    if any(line.trained for line in lines):
        yield "t: trained on the task's data or a relative; i: made from such a model; ?: unknown (--json has sources)"
    if any(line.partial for line in lines):
        yield "n/m: the mean is over n of m languages; such results are not ranked"
