"""The leaderboard folder: entries by task, each a JSON file beside its per-query scores; they grow under a lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.entry import Block, Entry, agree
from bench.errors import BenchError, InputError, StoppedError
from bench.files import dump_json, read_json, write_whole, writing
from bench.leaderboard.upgrade import outdated, upgraded
from bench.perquery import Row, digests_of, read_rows, write_rows

SUPERSEDED = "superseded"
RELEASES = "releases"
NOT_TASKS = {"reported", "imported", RELEASES}
"""Folders of a board that hold no entries."""


@dataclass(frozen=True)
class EntryFiles:
    """Where one entry lies: its JSON, its per-query scores, and the folder of the lock that guards them."""

    entry: Path
    scores: Path
    root: Path

    @classmethod
    def on_board(cls, board: Path, entry: Entry) -> EntryFiles:
        """`<board>/<task>/<stem>.json` and `.parquet`. InputError for a sample: it is not the task."""
        if entry.identity.get("sample"):
            raise InputError(f"{entry.identity['model']} on {entry.identity['task']}: a sample may not enter a board")
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
    to `superseded/` first; where other numbers replace some that a release names, it is copied there. `order` is the
    card's order of measures. StoppedError where the folder cannot be written. Returns the entry as it stands now.
    """
    block = block | {"digests": digests_of(rows).get(subset, {})}
    with locked(files.root, f"{new.folder}--{new.stem}"):
        old = read_entry(files.entry) if files.entry.exists() else None
        if old is not None and old.identity != new.identity:
            _supersede(files, old)
            old = None
        if old is not None and subset in old.languages and not agree(old.languages[subset], block, old.measures):
            _preserve(files, old)
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
    """The entry in a file, of whatever format; errors name the file."""
    return Entry.from_dict(upgraded(read_json(path), str(path)), str(path))


def entry_paths(board: Path) -> list[Path]:
    """The files of all entries of a board, by task and file name; superseded ones are left out."""
    return sorted(path for path in board.glob("*/*.json") if path.parent.name not in NOT_TASKS)


def entries(board: Path) -> list[tuple[Path, Entry]]:
    """All entries of a board with their files."""
    return [(path, read_entry(path)) for path in entry_paths(board)]


def upgrade_files(board: Path) -> list[Path]:
    """Write every entry of an older format again in the present one, superseded ones included; their files.

    Releases stay as they are: they are upgraded whenever they are read.
    """
    written = []
    aside = [path for path in board.glob(f"*/{SUPERSEDED}/*.json") if path.parent.parent.name not in NOT_TASKS]
    for path in (*entry_paths(board), *sorted(aside)):
        if not outdated(read_json(path)):
            continue
        entry = read_entry(path)
        with locked(board, f"{entry.folder}--{entry.stem}"):
            write_whole(path, dump_json(read_entry(path).as_dict()).encode())
        written.append(path)
    return written


def _supersede(files: EntryFiles, old: Entry) -> None:
    """Move an entry aside."""
    for file, target in _aside(files, old):
        with writing(target.parent):
            target.parent.mkdir(exist_ok=True)
            if file.exists():
                file.replace(target)


def _preserve(files: EntryFiles, old: Entry) -> None:
    """Copy an entry aside if a release names it: what was released can always be looked up."""
    if any(names_entry(path, old) for path in (files.root / RELEASES).glob("*.json")):
        for file, target in _aside(files, old):
            with writing(target.parent):
                write_whole(target, file.read_bytes())


def names_entry(release: Path, entry: Entry) -> bool:
    """Whether a release has an entry of that identity; one that cannot be read may have."""
    try:
        return any(row["identity"] == entry.identity for row in read_json(release)["entries"])
    except (BenchError, KeyError, TypeError):
        return True


def _aside(files: EntryFiles, old: Entry) -> list[tuple[Path, Path]]:
    """The files of an entry and where they go; the entry last: while it stands there, a second try moves the rest."""
    stem = files.entry.parent / SUPERSEDED / f"{files.entry.stem}--was-{old.hex}"
    taken = stem.parent / f"{stem.name}.json"
    if taken.exists() and read_entry(taken).digest != old.digest:
        stem = stem.with_name(f"{stem.name}-{old.digest[:8]}")
    return [(file, stem.parent / f"{stem.name}{file.suffix}") for file in (files.scores, files.entry)]


@contextmanager
def locked(root: Path, name: str) -> Iterator[None]:
    """Nobody else writes what goes by that name on this board meanwhile."""
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
