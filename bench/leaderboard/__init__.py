"""The leaderboard folder: entries by task, each a JSON file beside its per-query scores; they grow under a lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.entry import Block, Entry
from bench.errors import StoppedError
from bench.files import dump_json, read_json, write_whole
from bench.perquery import Row, read_rows, write_rows

SUPERSEDED = "superseded"
_NOT_TASKS = {"reported", "imported", "releases"}


@dataclass(frozen=True)
class EntryFiles:
    """Where one entry lies: its JSON, its per-query scores, and the folder of the lock that guards them."""

    entry: Path
    scores: Path
    root: Path

    @classmethod
    def on_board(cls, board: Path, entry: Entry) -> EntryFiles:
        """`<board>/<task>/<stem>.json` and `.parquet`."""
        path = board / entry.folder / f"{entry.stem}.json"
        return cls(path, path.with_suffix(".parquet"), board)

    @classmethod
    def of_result(cls, output: Path, entry: Entry) -> EntryFiles:
        """`<output>/<task>/<stem>/entry.json` and `scores.parquet`; the runs lie beside them."""
        folder = output / entry.folder / entry.stem
        return cls(folder / "entry.json", folder / "scores.parquet", output)


def keep(files: EntryFiles, new: Entry, subset: str, block: Block, rows: list[Row], order: Sequence[str]) -> Entry:
    """Add one language, or further measures of it, to the entry of `new`'s identity, or begin it.

    Equal numbers rewrite nothing. Where the file there has another identity (the card has changed since), it is moved
    to `superseded/` first. `order` is the card's order of measures. StoppedError where the folder cannot be written.
    Returns the entry as it stands now.
    """
    with _locked(files.root, f"{new.folder}--{new.stem}"):
        old = read_entry(files.entry) if files.entry.exists() else None
        if old is not None and old.identity != new.identity:
            _supersede(files, old)
            old = None
        entry = (old or replace(new, measures=())).grown(subset, block, new.measures, order)
        if entry is old and files.scores.exists():
            return entry
        kept = set(entry.languages[subset]) - set(new.measures)
        stored = read_rows(files.scores) if old is not None and files.scores.exists() else []
        others = [row for row in stored if row.language != subset or row.measure in kept]
        # The scores first: an entry without its scores would promise what is not there.
        write_rows(files.scores, others + rows)
        write_whole(files.entry, dump_json(entry.as_dict()).encode())
    return entry


def read_entry(path: Path) -> Entry:
    """The entry in a file; errors name the file."""
    return Entry.from_dict(read_json(path), str(path))


def entries(root: Path) -> list[tuple[Path, Entry]]:
    """All entries of a board, by task and file name; superseded ones are left out."""
    paths = sorted(path for path in root.glob("*/*.json") if path.parent.name not in _NOT_TASKS)
    return [(path, read_entry(path)) for path in paths]


def _supersede(files: EntryFiles, old: Entry) -> None:
    folder = files.entry.parent / SUPERSEDED
    try:
        folder.mkdir(exist_ok=True)
        # The entry last: as long as it stands there, a run that was broken off here moves the rest.
        for file in (files.scores, files.entry):
            if file.exists():
                file.replace(folder / f"{file.stem}--was-{old.hex}{file.suffix}")
    except OSError as error:
        raise StoppedError(f"{folder}: cannot write: {error.strerror or error}") from error


@contextmanager
def _locked(root: Path, name: str) -> Iterator[None]:
    from filelock import FileLock

    folder = root / ".locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock")
        lock.acquire()
    except OSError as error:
        raise StoppedError(f"{root}: this folder cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
