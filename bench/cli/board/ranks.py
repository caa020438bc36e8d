"""`bench board ranks`: how sure the order of the systems is, with intervals, rank intervals and groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, plain, print_json
from bench.errors import MissingError, unknown

_HEAD = ("system", "value", "interval", "ranks", "groups")


@click.command()
@click.option("--task", required=True, metavar="T", help="The task.")
@click.option("--measure", metavar="M", help="Instead of the task's main measure.")
@click.option("--lang", "language", metavar="L", help="One language instead of the mean over all.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of draws and swaps.")
@options.combined(options.board, options.cards, options.quiet, options.as_json)
def ranks(board: Path, cards: Path | None, quiet: bool, as_json: bool, **given: Any) -> None:
    """Print the measured systems of a task with 95 % intervals, the ranks they may have, and groups.

    Systems that share a letter cannot be told apart by paired tests of all pairs after Holm's correction.
    """
    from bench.leaderboard import entries
    from bench.measure import Measure
    from bench.statistics import board_statistics

    there = [entry for _, entry in entries(board)] if board.is_dir() else []
    if not there:
        raise MissingError(f"{board}: no entries yet; bench run writes them, or give another board with --board")
    tasks = {entry.identity["task"]: entry for entry in there}
    if given["task"] not in tasks:
        raise unknown("task of this board", given["task"], sorted(tasks), f"bench board show --board {board}")
    first = tasks[given["task"]]
    measure = str(Measure.parse(given["measure"])) if given["measure"] else first.measures[0]
    if given["language"] and given["language"] not in first.subsets:
        raise unknown("language", given["language"], first.subsets, f"bench tasks show {given['task']}")
    found = board_statistics(board, given["task"], measure, cards, given["seed"])
    if as_json:
        print_json(found)
        return
    _print(found, given["language"], quiet=quiet)


def _print(found: dict[str, Any], language: str | None, *, quiet: bool) -> None:
    from bench.cli.sheet import print_table, print_title

    cells = [(row, row["languages"].get(language) if language else row["mean"]) for row in found["systems"]]
    shown = sorted(((row, cell) for row, cell in cells if cell), key=lambda pair: -pair[1]["value"])
    print_title(f"{found['task']}, {found['measure']}, {language or 'mean over the languages'}")
    print_table(_HEAD, [_line(row["model"], cell) for row, cell in shown], right=_HEAD[1:3])
    note(f"interval: 95 %; ranks and groups: paired tests of all pairs after Holm; by {found['unit']}", quiet=quiet)
    for row, cell in cells:
        if row["unranked"] or not cell:
            note(
                plain(f"{row['model']}: not ranked: {row['unranked'] or 'not measured on the same data'}"), quiet=quiet
            )
    for text in found["notes"]:
        note(plain(text), quiet=quiet)


def _line(name: str, cell: dict[str, Any]) -> list[str]:
    low, high = cell["interval"]
    ranks = "-".join(dict.fromkeys(map(str, cell["ranks"]))) if cell["ranks"] else "-"
    return [name, f"{cell['value']:.4f}", f"{low:.4f} {high:.4f}", ranks, " ".join(cell["groups"])]
