"""`bench board add`: results that a run left, or a run of another system, become entries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, print_json
from bench.errors import InputError
from bench.grammar import split_list

_FILE = click.Path(path_type=Path, dir_okay=False)
_OF_RUNS = ("task", "languages", "model", "split", "qrels", "k", "replace")


@click.command()
@click.argument("folders", nargs=-1, type=options.FOLDER, metavar="[DIR]...")
@click.option("--run", "runs", multiple=True, type=_FILE, metavar="FILE", help="A TREC run of another system.")
@click.option("--task", metavar="T", help="The task of the runs.")
@click.option("--lang", "languages", multiple=True, metavar="L", help="The language of each run, in their order.")
@click.option("--model", metavar="NAME", help="What made the runs; stored as run:NAME.")
@click.option("--split", metavar="S", help="Another split than the task card's.")
@click.option(
    "--qrels", type=_FILE, metavar="FILE", help="Judgments of the one run; else the task's own data are read."
)
@click.option("--k", type=click.IntRange(min=1), metavar="N", help="Documents a query that the system was asked for.")
@click.option("--replace", is_flag=True, help="Put the run in the place of another of that system and language.")
@click.option("--note", "text", metavar="TEXT", help="Explain the flags: kept and shown with the numbers.")
@options.combined(options.data, options.board, options.cache, options.cards, options.offline, options.quiet)
@options.as_json
def add(
    folders: tuple[Path, ...], runs: tuple[Path, ...], board: Path, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Add result folders (bench run --output), or runs of other systems, which are scored here.

    Everything is checked as by bench board verify before anything is added.

    \b
    bench board add results
    bench board add --run en.trec --task xquad --lang en --model my-engine
    """  # noqa: D301 - click wants the backspace itself
    if bool(folders) == bool(runs):
        raise InputError("give folders with results, or --run FILE with --task, --lang and --model")
    if folders:
        strange = [f"--{'lang' if name == 'languages' else name}" for name in _OF_RUNS if given[name]]
        if strange:
            raise InputError(f"{strange[0]} goes with --run; a result says its own")
        rows = _results(folders, board, given, quiet)
    else:
        rows = _runs(runs, board, given)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        note(f"{row['model']} on {row['task']}: {', '.join(row['added'])}, entry {row['entry']}", quiet=quiet)
        if not row["complete"]:
            note(f"  partial: {row['partial']}, missing {', '.join(row['missing'])}", quiet=quiet)


def _results(folders: Sequence[Path], board: Path, given: dict[str, Any], quiet: bool) -> list[dict[str, Any]]:
    from bench.cli.board.known import known_of
    from bench.leaderboard.add import add_results

    added, unread = add_results(board, folders, known_of(given, judged=True), given["text"])
    for line in unread:
        note(line, quiet=quiet)
    return [_row(one.entry, one.path, one.languages) for one in added]


def _runs(runs: Sequence[Path], board: Path, given: dict[str, Any]) -> list[dict[str, Any]]:
    from bench.cli.board.known import places_of, registry_of
    from bench.foreign_run import Foreign, add_run
    from bench.subsets import chosen_languages, chosen_split

    for name in ("task", "languages", "model"):
        if not given[name]:
            raise InputError(f"--run needs --{'lang' if name == 'languages' else name}")
    codes = [code for value in given["languages"] for code in split_list(value)]
    if len(codes) != len(runs):
        raise InputError(f"{len(runs)} runs and {len(codes)} languages: give --run and --lang as often, in one order")
    if given["qrels"] and len(runs) > 1:
        raise InputError("--qrels has the judgments of one language: add the runs one by one")
    task = registry_of(given).task(given["task"])
    split = chosen_split(task, given["split"])
    foreign = [
        Foreign(
            task=task,
            split=split,
            subset=chosen_languages(task, [code], split)[0],
            system=given["model"],
            file=run,
            qrels=given["qrels"],
            depth=given["k"],
            note=given["text"],
        )
        for code, run in zip(codes, runs, strict=True)
    ]
    for one in foreign:
        path, entry = add_run(board, one, places_of(given), replace=given["replace"])
    return [_row(entry, path, [one.subset for one in foreign])]


def _row(entry: Any, path: Path, languages: Sequence[str]) -> dict[str, Any]:
    from bench.summary import result_of

    return result_of(entry, path=str(path)) | {"kind": "measured", "added": list(languages)}
