"""Results that a run left become entries of a board, after the checks that `bench board verify` makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.entry import Entry
from bench.errors import InputError, MissingError
from bench.flags import checked_note
from bench.leaderboard import EntryFiles, keep
from bench.leaderboard.verify import Stored, Verified, check_entry
from bench.leaderboard.verify.carded import Known


@dataclass(frozen=True)
class Added:
    """The file of an entry, the entry as it stands now, and the languages that were given for it."""

    path: Path
    entry: Entry
    languages: tuple[str, ...]


def result_folders(folders: Iterable[Path]) -> list[Path]:
    """The folders with an entry in them, among those given and below them; MissingError where one has none."""
    found: list[Path] = []
    for folder in folders:
        here = sorted(path.parent for path in folder.rglob("entry.json")) if folder.is_dir() else []
        if not here:
            raise MissingError(f"{folder}: no entry.json in it or below it; bench run --output DIR leaves one")
        found += here
    return list(dict.fromkeys(found))


def add_results(
    board: Path, folders: Iterable[Path], known: Known | None = None, note: str | None = None
) -> tuple[list[Added], list[str]]:
    """Add every result to a board, language by language under its lock; also what could not be checked, for notes.

    `note` explains the flags of all of them. All are checked before the first is added. InputError lists the faults.
    """
    text = checked_note(note) if note is not None else None
    done = Verified()
    checked: list[Stored] = []
    for folder in result_folders(folders):
        path = folder / "entry.json"
        stored = check_entry(path, folder / "scores.parquet", str(path), done, known, folder)
        if stored is not None:
            checked.append(stored)
    if done.faults:
        more = [f"and {len(done.faults) - _SHOWN} more"] if len(done.faults) > _SHOWN else []
        raise InputError("\n".join(["nothing was added:", *map(str, done.faults[:_SHOWN]), *more]))
    return [_added(board, stored, text) for stored in checked], done.unread


_SHOWN = 20


def _added(board: Path, stored: Stored, note: str | None) -> Added:
    given = stored.entry
    files = EntryFiles.on_board(board, given)
    entry = given
    for subset, block in given.languages.items():
        measures = tuple(measure for measure in given.measures if measure in block)
        rows = [row for row in stored.rows if row.language == subset]
        new = replace(given, measures=measures, languages={})
        entry = keep(files, new, subset, block | ({"note": note} if note else {}), rows, given.measures)
    return Added(files.entry, entry, tuple(given.languages))
