"""The entries that a leaderboard folder, a folder of results or a release holds, with the files of their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bench.entry import Entry
from bench.errors import MissingError
from bench.leaderboard import entries, read_entry
from bench.leaderboard.releases import entry_of, read_release, release_versions


class Held(NamedTuple):
    """One entry as a folder or a release holds it: the file of its JSON, and the languages that count."""

    path: Path
    entry: Entry
    languages: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.entry.identity['model']} on {self.entry.identity['task']}"

    @property
    def scores(self) -> Path:
        """The per-query scores: beside the entry on a board, `scores.parquet` in a result folder."""
        beside = self.path.with_suffix(".parquet")
        return self.path.with_name("scores.parquet") if self.path.name == "entry.json" else beside

    @property
    def noise(self) -> Path:
        """Where the noise floor of this entry is stored: in a folder of its own below the task's."""
        inside = [folder for folder in self.path.parents if folder.name == self.entry.folder]
        return (inside or [self.path.parent])[0] / "noise" / f"{self.entry.stem}.json"


def held_in(folder: Path) -> list[Held]:
    """The entries of a leaderboard folder, or of a folder of results; MissingError where there are none."""
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such folder; bench run --board {folder} writes one")
    found = entries(folder) or [(path, read_entry(path)) for path in sorted(folder.glob("*/*/entry.json"))]
    if not found:
        raise MissingError(f"{folder}: no entries in this folder; bench run --board {folder} writes them")
    return [Held(path, entry, tuple(entry.languages)) for path, entry in found]


def held_by(baseline: str, board: Path) -> list[Held]:
    """The entries that `baseline` names: a folder, or else a release of the board."""
    if Path(baseline).is_dir():
        return held_in(Path(baseline))
    versions = release_versions(board)
    if baseline not in versions:
        there = f"releases of {board}: {', '.join(versions)}" if versions else f"{board} has no releases"
        raise MissingError(f"baseline {baseline!r}: no such folder, and no such release ({there})")
    held = []
    for row in read_release(board, baseline).entries:
        path, entry = entry_of(board, row)
        held.append(Held(path, entry, tuple(code for code in entry.languages if code in row.numbers)))
    return held
