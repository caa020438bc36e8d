"""`bench board show`: the leaderboard's tables, one a task and measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.board.size import print_sizes
from bench.cli.output import note, plain, print_json
from bench.errors import InputError, MissingError, unknown

Results = list[dict[str, Any]]
_KINDS = ("measured", "reported", "imported")
# Rows and languages of a table unless --all asks for all: hundreds of imported systems would bury the rest.
_LINES, _LANGUAGES = 30, 40


@click.command()
@click.option("--task", "tasks", multiple=True, metavar="T", help="Only these tasks; repeatable.")
@click.option("--measure", "measures", multiple=True, metavar="M", help="Only these measures; repeatable.")
@click.option("--model", "models", multiple=True, metavar="TEXT", help="Only models with this in their name.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="K,..",
    help="measured, reported, imported; else measured, with --task reported too.",
)
@click.option(
    "--contamination",
    "states",
    multiple=True,
    metavar="S,..",
    help="Only with such training on the task: declared, inherited, no, unknown.",
)
@click.option("--not-trained-on-task", "clean", is_flag=True, help="Leave out what was trained on the task, or may be.")
@click.option("--release", metavar="X", help="As it was released, in place of what stands there now.")
@click.option("--common", is_flag=True, help="Means over the languages that all systems of a table have.")
@click.option("--micro", is_flag=True, help="Means over all queries of all languages together.")
@click.option("--bytes", "sizes", is_flag=True, help="Means against the bytes of the index, in place of languages.")
@click.option("--all", "every", is_flag=True, help=f"Every row and language, not {_LINES} and {_LANGUAGES} at most.")
@options.combined(options.board, options.cards, options.quiet, options.as_json)
def show(board: Path, quiet: bool, as_json: bool, **given: Any) -> None:
    """Print the tables: languages across, the best of each column marked, what is not ranked below a line.

    A mean is the macro mean over the task's languages; a rank is given among complete results on the same data.
    """
    from bench.leaderboard.standings import standings

    if not board.is_dir():
        raise MissingError(f"{board}: no such leaderboard folder; bench run writes one, or give another with --board")
    if given["common"] and given["micro"]:
        raise InputError("--common and --micro are two means: give one of them")
    kinds = _kinds(given["kinds"], given["tasks"])
    found = standings(board, kinds, given["tasks"] or None, given["release"], given["cards"])
    if not {result["task"] for result in found}.issuperset(given["tasks"]):  # What there is stands in the message.
        found = standings(board, kinds, None, given["release"], given["cards"])
    if given["release"]:
        _say_changed(board, given["release"], kinds)
    shown = _chosen(found, board, given["tasks"], given["models"])
    states = _states(given["states"], given["clean"])
    shown = [result for result in shown if result["contamination"]["state"] in states]
    if as_json:
        print_json([_with_micro(result) for result in shown] if given["micro"] else shown)
        return
    if not shown:
        note(f"{board}: no entries yet; bench run writes them", quiet=quiet)
    _print(shown, given)
    for result in shown if len(shown) <= _LINES else []:
        _remarks(result, quiet)
    others = [kind for kind in _KINDS if kind not in kinds and (board / kind).is_dir()]
    if others:
        note(f"{board}: more numbers with --kind {','.join(others)}", quiet=quiet)


def _kinds(wanted: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """The kinds to show; unless told, what was measured, and what papers report where a task was named."""
    names = [name.strip() for text in wanted for name in text.split(",") if name.strip()]
    for name in names:
        if name not in _KINDS:
            raise unknown("kind", name, _KINDS, f"kinds: {', '.join(_KINDS)}")
    return list(dict.fromkeys(names)) or list(_KINDS[: 2 if tasks else 1])


def _states(wanted: Sequence[str], clean: bool) -> list[str]:
    """The states of contamination to show; `clean` leaves those of which it is said that there is none."""
    from bench.contamination import STATES

    names = [name.strip() for text in wanted for name in text.split(",") if name.strip()]
    for name in names:
        if name not in STATES:
            raise unknown("state of contamination", name, STATES, f"states: {', '.join(STATES)}")
    if clean and names:
        raise InputError("--not-trained-on-task is --contamination no: give one of them")
    return ["no"] if clean else names or list(STATES)


def _chosen(found: Results, board: Path, tasks: Sequence[str], models: Sequence[str]) -> Results:
    known = sorted({result["task"] for result in found})
    for task in tasks:
        if task not in known:
            raise unknown("task of this board", task, known, f"bench board show --board {board}")
    parts = [text.lower() for text in models]
    named = [result for result in found if not parts or any(part in result["model"].lower() for part in parts)]
    if models and not named:
        names = {result["model"] for result in found}
        raise unknown("model of this board", models[0], names, f"bench board show --board {board}")
    return [result for result in named if not tasks or result["task"] in tasks]


def _with_micro(result: dict[str, Any]) -> dict[str, Any]:
    from bench.leaderboard.standings import micro_mean

    return result | {"micro_mean": {measure: micro_mean(result, measure) for measure in result["measures"]}}


def _say_changed(board: Path, version: str, kinds: Sequence[str]) -> None:
    from bench.leaderboard.releases import read_release
    from bench.leaderboard.standings import changed_since

    paths = changed_since(board, read_release(board, version))
    for kind in ("reported", "imported"):
        changed = [path for path in paths if path.startswith(f"{kind}/")]
        if kind in kinds and changed:
            note(f"{version}: the {kind} numbers are left out: changed since: {', '.join(changed)}")


def _print(results: Results, given: dict[str, Any]) -> None:
    from bench.leaderboard.standings import measures_of, tables_of

    for task in dict.fromkeys(result["task"] for result in results):
        group = [result for result in results if result["task"] == task]
        for table in tables_of(group):
            for measure in measures_of(table, given["measures"]):
                if given["sizes"]:
                    print_sizes(task, [r for r in table if measure in r["measures"]], measure)
                    continue
                _print_table([result for result in table if measure in result["measures"]], task, measure, given)


def _print_table(table: Results, task: str, measure: str, given: dict[str, Any]) -> None:
    from bench.cli.tables import lines_of, print_slices, print_table
    from bench.leaderboard.standings import over_common, with_micro_means

    if not table:
        return
    title, name, of = f"{task}, {measure}{_source(table[0])}", "mean", table[0]["mean"]["of"]
    if given["common"]:
        table = over_common(table, measure)
        codes = list(table[0]["languages"])
        title += f", mean over the {len(codes)} of {of} languages that all of them have"
        name = "common"
    elif given["micro"]:
        table = with_micro_means(table)
        title, name = f"{title}, micro mean: all queries of all languages together", "micro"
    columns = sorted({code for result in table for code in result["languages"]})
    lines = lines_of(table, measure)
    most = len(lines) if given["every"] else _LINES
    few = columns if given["every"] else columns[:_LANGUAGES]
    print_table(title, few, lines, name, most)
    if given["measures"]:
        print_slices(table, measure)
    if most < len(lines):
        note(f"{task}, {measure}: {len(lines) - most} more rows: --all")
    if len(few) < len(columns):
        note(f"{task}, {measure}: {len(columns) - len(few)} more languages: --all")


def _source(result: dict[str, Any]) -> str:
    """What a table's title says of numbers that were not measured here."""
    if result["kind"] == "measured":
        return ""
    origin = result.get("origin") or {}
    where = " ".join(str(origin[key]) for key in ("source", "table") if origin.get(key))
    return plain(f" ({result['kind']}: {where})")


def _remarks(result: dict[str, Any], quiet: bool) -> None:
    from bench.cli.tables import flag_line

    for flag in result["flags"]:
        if not flag.get("expected"):
            note(plain(f"{result['model']} on {result['task']}: {flag_line(flag)}"), quiet=quiet)
