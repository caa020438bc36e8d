"""`bench board reported`: numbers of papers and other projects, beside measured ones where the system is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from bench.cli import options
from bench.cli.output import note, plain, print_json, warn
from bench.errors import unknown


@click.command()
@click.option("--task", "tasks", multiple=True, metavar="T", help="Only these tasks; repeatable.")
@options.combined(options.board, options.quiet, options.as_json)
def reported(board: Path, tasks: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Print what papers and other projects report, with source and table, and the difference to what was measured."""
    from bench.leaderboard import entries
    from bench.leaderboard.reported import difference, reported_results
    from bench.leaderboard.reported.figures import check_folder
    from bench.summary import result_of

    check_folder(board)
    results = reported_results(board)
    known = sorted({result["task"] for result in results})
    for task in tasks:
        if task not in known:
            raise unknown("task of these numbers", task, known, f"bench board reported --board {board}")
    measured = [result_of(entry, path=str(path)) for path, entry in entries(board)]
    shown = []
    for result in results:
        if not tasks or result["task"] in tasks:
            beside = [difference(result, own) for own in measured]
            shown.append(result | {"measured": [found for found in beside if found]})
    if as_json:
        print_json(shown)
        return
    for text in dict.fromkeys(f"{_place(result)}: {text}" for result in shown for text in result["notes"]):
        warn(plain(text))
    _print(shown)
    flagged = sum(bool(result["flags"]) for result in shown)
    note(f"{flagged} of {len(shown)} rows are marked ! (bench board audit says why)", quiet=quiet)


def _place(result: Mapping[str, Any]) -> str:
    return f"{result['origin']['source']}, {result['origin']['table']}"


class _Line(NamedTuple):
    """One line of a table: a reported row, or what was measured less what was reported."""

    name: str
    values: Mapping[str, float | None]
    mean: float | None
    printed: float | None
    flagged: bool
    signed: bool


def _print(results: Sequence[Mapping[str, Any]]) -> None:
    """One table a source, table, task and measure; languages in the order of the source."""
    places = dict.fromkeys((_place(result), result["task"]) for result in results)
    for place, task in places:
        group = [result for result in results if (_place(result), result["task"]) == (place, task)]
        for measure in dict.fromkeys(measure for result in group for measure in result["measures"]):
            of_measure = [result for result in group if measure in result["measures"]]
            spelled = " or ".join(dict.fromkeys(result["origin"]["metric"][measure] for result in of_measure))
            title = f"{task}, {measure}" + ("" if spelled == measure else f" ({spelled})") + f": reported by {place}"
            _print_table(title, [line for result in of_measure for line in _lines(result, measure)])


def _lines(result: Mapping[str, Any], measure: str) -> list[_Line]:
    values = {code: row[measure] for code, row in result["languages"].items()}
    mean, printed = result["mean"][measure], result["printed_mean"].get(measure)
    lines = [_Line(result["model"], values, mean, printed, bool(result["flags"]), signed=False)]
    for beside in result["measured"]:
        differences = {code: row.get(measure) for code, row in beside["languages"].items()}
        name = f"  measured {beside['model']}, less that"
        lines.append(_Line(name, differences, beside["mean"].get(measure), None, flagged=False, signed=True))
    return lines


_NAME, _CELL = 40, 9  # Columns of a name at most, and of a value with its margins.


def _print_table(title: str, lines: Sequence[_Line]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from bench.cli.output import console

    out = console()
    languages = list(dict.fromkeys(code for line in lines for code in line.values))
    columns = max(1, (min(out.width, 120) - _NAME - 2 * _CELL) // _CELL)
    out.print(Text(plain(title), style="bold"), soft_wrap=True)
    for start in range(0, max(len(languages), 1), columns):
        part = languages[start : start + columns]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        table.add_column("", no_wrap=True, max_width=_NAME, overflow="ellipsis")
        for head in ("mean", "printed", *part):
            table.add_column(Text(plain(head)), justify="right", no_wrap=True)
        for line in lines:
            cells = (line.mean, line.printed, *(line.values.get(code) for code in part))
            name = plain(line.name) if line.signed else plain(line.name) + (" !" if line.flagged else "")
            table.add_row(Text(name), *(Text(_number(cell, line.signed)) for cell in cells))
        out.print(table)


def _number(value: float | None, signed: bool) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"
