"""`bench compare A B`: two entries side by side, language by language, with test and interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.output import note, plain, print_json
from bench.errors import InputError, MissingError, unknown
from bench.grammar import split_list

if TYPE_CHECKING:
    from bench.leaderboard.held import Held

_HEAD = ("language", "A", "B", "B - A", "interval", "p", "wins", "ties", "losses", "moved most")


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--task", "tasks", multiple=True, metavar="T,..", help="Only these tasks; else all that both have.")
@click.option("--measure", metavar="M", help="Instead of each task's main measure.")
@click.option("--lang", "languages", multiple=True, metavar="L,..", help="Only these languages.")
@click.option("--moved", type=click.IntRange(min=0), default=5, show_default=True, metavar="N",
              help="Queries to list of those that moved most.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of draws and swaps.")
@options.combined(options.board, options.cards, options.quiet, options.as_json)
def compare(first: str, second: str, board: Path, cards: Path | None, quiet: bool, as_json: bool, **given: Any) -> None:
    """Compare B with A: difference, interval, paired test, wins, ties, losses, and the queries that moved most.

    A and B are models of the board, its entries (MODEL or the name of the file), or result folders. Languages that only
    one of them has are left out, and named.
    """
    sides = [_entries_of(name, board) for name in (first, second)]
    names = _name(first, sides[0]), _name(second, sides[1])
    wanted = [item for value in given["tasks"] for item in split_list(value)]
    results = []
    for task in _common_tasks(names, sides, wanted):
        before, after = (_one_of(name, side[task], task) for name, side in zip(names, sides, strict=True))
        results.append(_compared(before, after, given, cards))
    if as_json:
        print_json(results)
        return
    for result in results:
        _print(result, quiet=quiet)


def _entries_of(name: str, board: Path) -> dict[str, list[Held]]:
    """The entries that a name stands for, by task."""
    from bench.leaderboard import read_entry
    from bench.leaderboard.held import Held, held_in

    folder = Path(name)
    if (folder / "entry.json").is_file():
        entry = read_entry(folder / "entry.json")
        return {entry.identity["task"]: [Held(folder / "entry.json", entry, tuple(entry.languages))]}
    held = held_in(folder if folder.is_dir() else board)
    found: dict[str, list[Held]] = {}
    for one in held:
        if folder.is_dir() or name in (one.entry.identity["model"], one.entry.stem):
            found.setdefault(one.entry.identity["task"], []).append(one)
    if not found:
        known = sorted({text for one in held for text in (one.entry.identity["model"], one.entry.stem)})
        raise unknown("entry", name, known, f"bench board show --board {board}")
    return found


def _name(name: str, side: dict[str, list[Held]]) -> str:
    """What a side is called: as it was typed, but the model's name for a folder."""
    models = {held.entry.identity["model"] for group in side.values() for held in group}
    return str(models.pop()) if len(models) == 1 else name


def _common_tasks(names: tuple[str, str], sides: Sequence[dict[str, list[Held]]], wanted: Sequence[str]) -> list[str]:
    common = [task for task in sides[0] if task in sides[1]]
    for task in wanted:
        if task not in common:
            raise unknown("task of both", task, common, f"both have {', '.join(common) or 'no task'}")
    if not common:
        has = [f"{name} has {', '.join(side)}" for name, side in zip(names, sides, strict=True)]
        raise MissingError(f"nothing to compare: {' and '.join(has)}")
    return [task for task in common if not wanted or task in wanted]


def _one_of(name: str, group: Sequence[Held], task: str) -> Held:
    if len(group) > 1:
        stems = ", ".join(held.entry.stem for held in group)
        raise InputError(f"{name!r} has {len(group)} entries on {task}: name one of {stems}")
    return group[0]


def _compared(before: Held, after: Held, given: dict[str, Any], cards: Path | None) -> dict[str, Any]:
    """The comparison on one task as JSON."""
    from bench.comparison import compare_entries
    from bench.statistics import design_of

    languages = [item for value in given["languages"] for item in split_list(value)]
    design = design_of(before.entry.identity["task"], cards)
    return compare_entries(before, after, design, given["measure"], languages, given["moved"], given["seed"])


def _print(result: dict[str, Any], *, quiet: bool) -> None:
    from bench.cli.sheet import print_table, print_title

    print_title(f"{result['task']}, {result['measure']}: A {result['a']['model']}, B {result['b']['model']}")
    mean = result["mean"]
    rows = [_cells(code, row, row["p_holm"]) for code, row in result["languages"].items()]
    if len(rows) > 1:
        rows.append(_cells(f"mean of {mean['languages']}", mean, mean["p"]))
    print_table(_HEAD, rows, right=_HEAD[1:-1])
    note(
        f"interval: 95 %; p: paired, two-sided, Holm over the languages, the mean's alone; by {result['unit']}",
        quiet=quiet,
    )
    for key, name in (("only_a", "A"), ("only_b", "B")):
        if result[key]:
            note(f"only {name} has {', '.join(map(plain, result[key]))}: left out", quiet=quiet)
    for text in result["notes"]:
        note(plain(text), quiet=quiet)


def _cells(name: str, row: dict[str, Any], p: float) -> list[str]:
    low, high = row["interval"]
    moved = " ".join(f"{one['query']} ({one['b'] - one['a']:+.2f})" for one in row.get("moved", ()))
    numbers = [f"{row['a']:.4f}", f"{row['b']:.4f}", f"{row['difference']:+.4f}", f"{low:+.4f} {high:+.4f}", f"{p:.2g}"]
    return [name, *numbers, str(row["wins"]), str(row["ties"]), str(row["losses"]), moved]
