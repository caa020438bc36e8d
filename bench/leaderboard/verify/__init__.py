"""`bench board verify`: everything on a board that does not hold together, file by file. Nothing is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.entry import Entry
from bench.errors import BenchError, InputError, MissingError
from bench.files import canonical_json, digest
from bench.formats.trec import read_run
from bench.leaderboard import RELEASES, SUPERSEDED, read_entry
from bench.leaderboard.noise import noise_findings
from bench.leaderboard.upgrade import upgraded
from bench.leaderboard.verify.asked import Asked, question_findings
from bench.leaderboard.verify.borrowed import imported_faults, reported_faults
from bench.leaderboard.verify.carded import Known, card_findings
from bench.leaderboard.verify.faults import Fault, Finding
from bench.leaderboard.verify.frozen import release_faults
from bench.leaderboard.verify.layout import entry_files, noise_files, question_files, strays
from bench.leaderboard.verify.recomputed import flag_findings, row_findings, run_findings
from bench.leaderboard.verify.stored import findings
from bench.perquery import Row, read_rows, unknown_columns


@dataclass(frozen=True)
class Stored:
    """An entry with its per-query scores as they lie there, and the folder of its runs where there is one."""

    path: Path
    entry: Entry
    rows: list[Row]
    runs: Path | None = None


@dataclass
class Verified:
    """What was looked at and what was found; `unread` says what could not be looked at, for want of what."""

    faults: list[Fault] = field(default_factory=list)
    entries: int = 0
    releases: int = 0
    runs: int = 0
    unread: list[str] = field(default_factory=list)

    def add(self, where: str, found: Iterable[Finding]) -> None:
        """Put findings down for a file."""
        self.faults += [Fault(where, check, message) for check, message in found]


def verify(board: Path, known: Known | None = None, runs: Path | None = None) -> Verified:
    """Look at every file of a board; `runs` is a folder of results (`<task>/<stem>/`) whose runs are scored again."""
    done = Verified()
    done.faults += strays(board)
    seen: dict[str, list[str]] = {}
    asked: dict[Path, Asked] = {}
    for path in entry_files(board):
        where = path.relative_to(board).as_posix()
        stored = check_entry(path, path.with_suffix(".parquet"), where, done, known, _runs_of(path, runs))
        done.entries += 1
        folder = path.parent.parent if path.parent.name == SUPERSEDED else path.parent
        asked.setdefault(folder, Asked()).add(stored.entry if stored else None, stored.rows if stored else ())
        if stored is None:
            continue
        done.add(where, _place(path, stored.entry))
        if path.parent.name != SUPERSEDED:
            seen.setdefault(digest(stored.entry.identity), []).append(where)
    for places in seen.values():
        if len(places) > 1:
            done.add(places[1], [("duplicate", f"{places[0]} has the same identity")])
    for path in question_files(board):
        found = question_findings(path, asked.get(path.parent, Asked()), known)
        done.add(path.relative_to(board).as_posix(), found)
    for path in noise_files(board):
        done.faults += _noise_faults(board, path, done)
    for path in sorted((board / RELEASES).glob("*.json")):
        done.releases += 1
        done.faults += release_faults(board, path, _value(path, path.relative_to(board).as_posix(), done))
    done.faults += [*reported_faults(board), *imported_faults(board)]
    done.faults.sort()
    return done


def check_entry(
    path: Path, scores: Path, where: str, done: Verified, known: Known | None, runs: Path | None = None
) -> Stored | None:
    """Check one entry with its scores, wherever it lies; None where it cannot be read as one.

    `runs` is the folder of its runs, `<language>.trec.gz`.
    """
    value = _value(path, where, done)
    if value is None:
        return None
    found = list(findings(value))
    done.add(where, found)
    if any(check in ("shape", "measure") for check, _ in found):
        return None  # Nothing can be computed again from this.
    entry = Entry.from_dict(value, where)
    done.add(where, card_findings(entry, known))
    if known is not None and known.task(entry.identity["task"]) is None:
        done.unread.append(f"{where}: no card of {entry.identity['task']}: not compared with one, and not scored again")
    rows = _rows(scores, where, done)
    if rows is None:
        return Stored(path, entry, [], runs)
    done.add(where, row_findings(entry, rows))
    stored = Stored(path, entry, rows, runs)
    if known is not None and known.judged:
        _again(stored, where, known, done)
    return stored


def _value(path: Path, where: str, done: Verified) -> dict[str, Any] | None:
    """The object of a file in the present format."""
    try:
        return upgraded(strict_json(path), where)
    except InputError as error:
        check = "format" if ": format: " in str(error) else "json"
        done.add(where, [(check, str(error).removeprefix(f"{where}: ").removeprefix("format: "))])
    return None


def strict_json(path: Path) -> Any:
    """The JSON value of a file; InputError where it is not strict JSON, one key twice included."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
        canonical_json(value)  # 1e999 and half a surrogate pair can be read, and not be written.
        return value
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"not strict JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands there twice")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")


def _rows(path: Path, where: str, done: Verified) -> list[Row] | None:
    if not path.exists():
        done.add(where, [("scores missing", f"{path.name} is not there")])
        return None
    try:
        further = unknown_columns(path)
        rows = read_rows(path)
    except (MissingError, TypeError, ValueError) as error:
        done.add(where, [("scores file", str(error))])
        return None
    if further:
        done.add(where, [("scores file", f"{path.name}: unknown columns {', '.join(further)}")])
    if any(row.value is None or None in row[:3] for row in rows):
        done.add(where, [("scores file", f"{path.name}: there are empty cells")])
        return None
    return rows


def _again(stored: Stored, where: str, known: Known, done: Verified) -> None:
    """Score the runs again, and look whether the flags are there."""
    card = known.task(stored.entry.identity["task"])
    if card is None:  # That is said already.
        return
    for subset in (code for code in stored.entry.languages if code in card.languages):
        qrels = known.qrels(card, stored.entry.identity["split"], subset)
        if qrels is None:
            done.unread.append(f"{where}: {subset}: no judgments at hand (--data): not scored again")
            continue
        run = None
        path = stored.runs / f"{subset}.trec.gz" if stored.runs else None
        if path is not None and path.exists():
            try:
                run = read_run(path, decode=True)
                done.add(where, run_findings(stored.entry, subset, run, qrels, stored.rows))
                done.runs += 1
            except BenchError as error:
                done.add(where, [("run", f"{subset}: {error}")])
        elif stored.runs is not None:
            done.unread.append(f"{where}: {subset}: no run in {stored.runs}")
        done.add(where, flag_findings(stored.entry, subset, stored.rows, qrels, run))


def _place(path: Path, entry: Entry) -> Iterator[Finding]:
    aside = path.parent.name == SUPERSEDED
    folder = path.parent.parent if aside else path.parent
    if folder.name != entry.folder:
        yield "place", f"the folder of the task {entry.identity['task']!r} is {entry.folder}/"
    stem = f"{re.escape(entry.stem)}--was-{entry.hex}(-[0-9a-f]{{8}})?" if aside else re.escape(entry.stem)
    if not re.fullmatch(stem, path.stem):
        yield "place", f"the file of {entry.identity['model']!r} ({entry.hex}) is {entry.stem}.json"


def _runs_of(path: Path, runs: Path | None) -> Path | None:
    if runs is None or path.parent.name == SUPERSEDED:
        return None
    folder = runs / path.parent.name / path.stem
    return folder if folder.is_dir() else None


def _noise_faults(board: Path, path: Path, done: Verified) -> list[Fault]:
    where = path.relative_to(board).as_posix()
    value = _value(path, where, done)
    try:
        entry = read_entry(path.parents[1] / path.name)
    except BenchError:  # That is a fault of its own.
        return []
    return [Fault(where, check, message) for check, message in noise_findings(value, entry)] if value else []
