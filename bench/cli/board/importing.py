"""`bench board import`: numbers that others computed, kept apart from measured ones, with their origin."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import options
from bench.cli.output import note, plain, print_json, warn
from bench.errors import InputError


@click.command("import")
@click.argument("source", type=click.Choice(["mteb"]), metavar="mteb")
@click.argument("copy", type=options.FOLDER, metavar="DIR")
@click.option("--task", "tasks", multiple=True, metavar="T", help="Only these, by mteb's names; repeatable.")
@click.option("--commit", metavar="HASH", help="The commit of the copy, kept with the numbers.")
@options.combined(options.board, options.quiet, options.as_json)
def import_(
    source: str, copy: Path, tasks: tuple[str, ...], commit: str | None, board: Path, quiet: bool, as_json: bool
) -> None:
    """Take over a copy of mteb's results (embeddings-benchmark/results): DIR holds its tree, or archives of it.

    A file that is no result is named and left out.
    """
    from bench.cli.sheet import print_table
    from bench.leaderboard.imported.flags import is_pinned
    from bench.leaderboard.imported.importing import import_mteb

    if commit is not None and not is_pinned(commit):
        raise InputError(f"--commit {commit}: expected the 40 hex digits of a commit")
    if not copy.is_dir():
        raise InputError(f"{copy}: no such folder; a copy of {source}'s results is needed")
    done = import_mteb(copy, board, tasks, commit, lambda message: warn(plain(message)))
    listed = sorted(done.tasks.items(), key=lambda item: (item[1]["task"], item[0]))
    if as_json:
        keys = ("task", "main_measure", "models", "results", "rows")
        print_json(
            {
                "tasks": {
                    name: {key: line[key] for key in keys} | {"splits": line["splits"], "dropped": line["dropped"]}
                    for name, line in listed
                },
                "skipped": done.skipped,
                "bytes": done.size,
            }
        )
        return
    rows = [
        (line["task"], name, *(str(line[key]) for key in ("results", "rows")), line["main_measure"])
        for name, line in listed
    ]
    print_table(["task", "at mteb", "results", "rows", "main measure"], rows, right=["results", "rows"])
    dropped = sum(len(line["dropped"]) for _, line in listed)
    note(f"{len(done.skipped)} files left out, {dropped} values that are no numbers in [0, 1]", quiet=quiet)
    note(f"{board}/imported: {done.size / 1e6:.1f} MB", quiet=quiet)
