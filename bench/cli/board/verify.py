"""`bench board verify`: recompute every number of the board, and list what does not hold together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, plain, print_json
from bench.errors import MissingError


@click.command()
@click.option("--runs", type=options.FOLDER, metavar="DIR", help="Results (bench run --output) to score again.")
@options.combined(options.data, options.board, options.cache, options.cards, options.quiet, options.as_json)
def verify(board: Path, runs: Path | None, quiet: bool, as_json: bool, **given: Any) -> int:
    """Recompute every mean from the per-query scores; exit 1 with the list of what does not hold together.

    With --runs every score is computed again from its run, and with --runs or --data every flag from the judgments.
    Nothing is fetched or written.
    """
    from bench.cli.board.known import known_of
    from bench.leaderboard.verify import verify as verified

    if not board.is_dir():
        raise MissingError(f"{board}: no such leaderboard folder; bench run writes one, or give another with --board")
    if runs is not None and not runs.is_dir():
        raise MissingError(f"--runs {runs}: no such folder; bench run --output DIR leaves one")
    done = verified(board, known_of(given, judged=bool(runs or given["data"])), runs)
    if as_json:
        print_json(
            {
                "format": 1,
                "entries": done.entries,
                "releases": done.releases,
                "runs": done.runs,
                "faults": [fault._asdict() for fault in done.faults],
                "notes": done.unread,
            }
        )
        return 1 if done.faults else 0
    for fault in done.faults:
        click.echo(plain(str(fault)))
    for line in done.unread:
        note(line, quiet=quiet)
    counts = f"{done.entries} entries, {done.releases} releases, {done.runs} runs scored again"
    note(f"{board}: {counts}: {len(done.faults) or 'no'} fault{'' if len(done.faults) == 1 else 's'}", quiet=quiet)
    return 1 if done.faults else 0
