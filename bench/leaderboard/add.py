"""Results that a run left become entries of a board, after the checks that `bench board verify` makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.entry import Entry
from bench.errors import InputError, MissingError
from bench.flags import checked_note
from bench.leaderboard import EntryFiles, keep
from bench.leaderboard.questions import NAME as QUESTIONS
from bench.leaderboard.questions import keep_questions, may_be_kept, read_questions
from bench.leaderboard.verify import Stored, Verified, check_entry
from bench.leaderboard.verify.asked import Asked, question_findings
from bench.leaderboard.verify.carded import Known
from bench.leaderboard.verify.faults import Finding


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
            done.add(str(folder / QUESTIONS), _question_findings(stored, known))
    if done.faults:
        more = [f"and {len(done.faults) - _SHOWN} more"] if len(done.faults) > _SHOWN else []
        raise InputError("\n".join(["nothing was added:", *map(str, done.faults[:_SHOWN]), *more]))
    return [_added(board, stored, text, known) for stored in checked], done.unread


_SHOWN = 20


def _question_findings(stored: Stored, known: Known | None) -> Iterator[Finding]:
    path = stored.path.with_name(QUESTIONS)
    if path.exists():
        asked = Asked()
        asked.add(stored.entry, stored.rows)
        yield from question_findings(path, asked, known)


def _added(board: Path, stored: Stored, note: str | None, known: Known | None) -> Added:
    given = stored.entry
    files = EntryFiles.on_board(board, given)
    entry = given
    for subset, block in given.languages.items():
        measures = tuple(measure for measure in given.measures if measure in block)
        rows = [row for row in stored.rows if row.language == subset]
        new = replace(given, measures=measures, languages={})
        entry = keep(files, new, subset, block | ({"note": note} if note else {}), rows, given.measures)
    card = known.task(given.identity["task"]) if known else None
    questions = stored.path.with_name(QUESTIONS)
    if card is not None and may_be_kept(card) and questions.exists():
        keep_questions(files, read_questions(questions))
    return Added(files.entry, entry, tuple(given.languages))
