"""`bench board show`: the leaderboard's tables, one a task and measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, print_json
from bench.errors import MissingError, unknown


@click.command()
@click.option("--task", "tasks", multiple=True, metavar="T", help="Only these tasks; repeatable.")
@click.option("--measure", "measures", multiple=True, metavar="M", help="Only these measures; repeatable.")
@options.combined(options.board, options.quiet, options.as_json)
def show(board: Path, tasks: tuple[str, ...], measures: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Print the tables: languages across, the best of each column marked, partial results below a line."""
    from bench.leaderboard import entries
    from bench.report import result_of

    if not board.is_dir():
        raise MissingError(f"{board}: no such leaderboard folder; bench run writes one, or give another with --board")
    results = [result_of(entry, path=str(path)) | {"kind": "measured"} for path, entry in entries(board)]
    known = sorted({result["task"] for result in results})
    for task in tasks:
        if task not in known:
            raise unknown("task of this board", task, known, f"bench board show --board {board}")
    shown = [result for result in results if not tasks or result["task"] in tasks]
    if as_json:
        print_json(shown)
        return
    if not shown:
        note(f"{board}: no entries yet; bench run writes them", quiet=quiet)
    _print(shown, measures)


def _print(results: list[dict[str, Any]], measures: tuple[str, ...]) -> None:
    from bench.cli.tables import lines_of, print_table
    from bench.measure import parse_measures

    wanted = [str(m) for m in parse_measures(measures)] if measures else None
    for task in dict.fromkeys(result["task"] for result in results):
        group = [result for result in results if result["task"] == task]
        languages = max((r["missing"] + list(r["languages"]) for r in group), key=len)
        columns = [code for code in sorted(languages) if any(code in r["languages"] for r in group)]
        for measure in wanted or dict.fromkeys(m for result in group for m in result["measures"]):
            print_table(
                f"{task}, {measure}", columns, lines_of([r for r in group if measure in r["measures"]], measure)
            )
