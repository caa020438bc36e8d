"""`bench board release`, `diff` and `upgrade`: versions of the board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, plain, print_json
from bench.errors import MissingError


@click.command()
@click.argument("version")
@options.combined(options.board, options.cards, options.quiet, options.as_json)
def release(version: str, board: Path, quiet: bool, as_json: bool, **given: Any) -> None:
    """Freeze the board under a version such as 2026.11: identities, digests and the numbers themselves.

    The board must be clean (bench board verify). A release is never written again.
    """
    from bench.cli.board.known import known_of
    from bench.leaderboard.releases import make_release, read_release
    from bench.leaderboard.verify import verify

    _there(board)
    faults = verify(board, known_of(given | {"data": None}, judged=False)).faults
    if faults:
        raise MissingError(f"{board}: {len(faults)} faults, the first:\n{faults[0]}\nbench board verify lists all")
    path = make_release(board, version)
    made = read_release(board, version)
    if as_json:
        print_json({"format": 1, "version": version, "entries": len(made.entries), "files": len(made.files)})
    note(f"{path}: {len(made.entries)} entries, {len(made.files)} files of imported and reported numbers", quiet=quiet)


@click.command()
@click.argument("before")
@click.argument("after", default="now")
@options.combined(options.board, options.quiet, options.as_json)
def diff(before: str, after: str, board: Path, quiet: bool, as_json: bool) -> None:
    """List new, gone and changed entries between two releases; `now` is the board as it stands."""
    from bench.leaderboard.changes import entry_changes, file_changes
    from bench.leaderboard.releases import NOW, Release, read_release, release_of

    _there(board)

    def read(version: str) -> Release:
        return release_of(board, NOW) if version == NOW else read_release(board, version)

    old, new = read(before), read(after)
    changes, files = entry_changes(old, new), file_changes(old, new)
    if as_json:
        rows = [change.as_dict() for change in changes]
        print_json({"format": 1, "before": before, "after": after, "entries": rows, "files": files})
        return
    for change in changes:
        click.echo(plain(f"{change.kind:<8} {change.model} on {change.task}"))
        for key, pair in change.identity.items():
            click.echo(plain(f"    {key}: {_cell(pair[0])} -> {_cell(pair[1])}"))
        for subset, row in change.numbers.items():
            cells = "  ".join(f"{key} {_cell(a)} -> {_cell(b)}" for key, (a, b) in row.items())
            click.echo(plain(f"    {subset}: {cells}"))
    for path, kind in files.items():
        click.echo(plain(f"{kind:<8} {path}"))
    note(f"{before} -> {after}: {len(changes)} entries and {len(files)} files differ", quiet=quiet)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@click.command()
@options.combined(options.board, options.quiet, options.as_json)
def upgrade(board: Path, quiet: bool, as_json: bool) -> None:
    """Write entries of older formats in the present one; digests and releases stay as they are."""
    from bench.leaderboard import upgrade_files

    _there(board)
    written = upgrade_files(board)
    if as_json:
        print_json({"format": 1, "upgraded": [path.relative_to(board).as_posix() for path in written]})
    note(f"{board}: {len(written)} entries upgraded", quiet=quiet)


def _there(board: Path) -> None:
    if not board.is_dir():
        raise MissingError(f"{board}: no such leaderboard folder; bench run writes one, or give another with --board")
