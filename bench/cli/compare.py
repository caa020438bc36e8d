"""`bench compare A B`: two entries side by side, language by language, with test and interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.output import note, plain, print_json
from bench.errors import InputError, MissingError, unknown
from bench.expression import split_list

if TYPE_CHECKING:
    from bench.leaderboard.held import Held
    from bench.significance.comparison import Comparison, Line

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
    import numpy as np

    from bench.leaderboard.panels import Source, read_panel
    from bench.significance.comparison import compare as compared
    from bench.statistics import design_of

    task, entries = before.entry.identity["task"], (before.entry, after.entry)
    measure = _measure(before, after, given["measure"])
    codes = _languages(before, after, measure, [item for value in given["languages"] for item in split_list(value)])
    sources = [Source(held.entry.stem, held.scores, frozenset(codes)) for held in (before, after)]
    table, notes = read_panel(sources, measure, codes, design_of(task, cards), np.float64)
    table = table.complete()
    if not table.languages:
        raise MissingError(f"{task}: no language in common, on the same queries, with {measure}: {'; '.join(notes)}")
    shown = {language.code for language in table.languages}
    left = [code for code in codes if code not in shown]
    only = [[c for c in one.languages if c not in other.languages] for one, other in (entries, entries[::-1])]
    of = len(dict.fromkeys((*entries[0].subsets, *entries[1].subsets)))
    if len(shown) < of:
        notes.append(f"over the {len(shown)} of {of} languages that are compared alone, the means too")
    result = compared(table, given["moved"], given["seed"])
    return _object(before, after, measure, result, of) | {
        "only_a": only[0],
        "only_b": only[1],
        "left_out": left,
        "seed": given["seed"],
        "notes": notes,
    }


def _measure(before: Held, after: Held, asked: str | None) -> str:
    """The measure to compare; both have it."""
    from bench.measure import Measure

    common = [m for m in before.entry.measures if m in after.entry.measures]
    measure = str(Measure.parse(asked)) if asked else before.entry.measures[0]
    if measure not in common:
        raise MissingError(f"{before.entry.identity['task']}: not both have {measure}; in common: {', '.join(common)}")
    return measure


def _languages(before: Held, after: Held, measure: str, wanted: Sequence[str]) -> list[str]:
    """The languages that both measured on the same data, in the card's order."""
    blocks = before.entry.languages, after.entry.languages
    common = [
        code
        for code in before.entry.subsets
        if all(code in side and side[code].get(measure) is not None for side in blocks)
        and blocks[0][code].get("fingerprint") == blocks[1][code].get("fingerprint")
    ]
    for code in wanted:
        if code not in common:
            raise unknown("language of both", code, common, f"both have {', '.join(common) or 'none'}")
    return [code for code in common if not wanted or code in wanted]


def _object(before: Held, after: Held, measure: str, result: Comparison, of: int) -> dict[str, Any]:
    mean = _line(result.mean) | {"languages": len(result.languages), "of": of}
    return {
        "task": before.entry.identity["task"],
        "measure": measure,
        "a": {"model": before.entry.identity["model"], "id": before.entry.hex, "entry": str(before.path)},
        "b": {"model": after.entry.identity["model"], "id": after.entry.hex, "entry": str(after.path)},
        "unit": result.unit,
        "languages": {str(line.language): _line(line) | {"moved": _moved(line)} for line in result.languages},
        "mean": {key: value for key, value in mean.items() if key != "p_holm"},
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "a": line.first,
        "b": line.second,
        "difference": line.difference,
        "interval": list(line.interval),
        "p": line.p,
        "p_holm": line.adjusted,
        "wins": line.wins,
        "ties": line.ties,
        "losses": line.losses,
    }


def _moved(line: Line) -> list[dict[str, Any]]:
    return [{"query": moved.query, "a": moved.first, "b": moved.second} for moved in line.moved]


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
