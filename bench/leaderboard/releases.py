"""Releases: identities, digests and the numbers themselves of a board on one day, frozen under a version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench
from bench.entry import COUNTS, FORMAT, Entry
from bench.errors import InputError, MissingError, unknown
from bench.files import digest, dump_json, file_sha256, read_json, write_whole
from bench.leaderboard import RELEASES, SUPERSEDED, entries, locked, read_entry
from bench.leaderboard.upgrade import upgraded
from bench.provenance import now
from bench.summary import result_of

NOW = "now"
"""What stands for the board as it is, where a version is asked for."""

_FROZEN_BY_DIGEST = ("imported", "reported")
_VOLATILE = ("entry", "seconds", "vectors")


@dataclass(frozen=True)
class Released:
    """One entry as it was released: `result` is its result object, `digests` those of its per-query scores.

    `digest` is that of identity and numbers, `digests` go by language and measure.
    """

    identity: dict[str, Any]
    digest: str
    digests: dict[str, dict[str, str]]
    result: dict[str, Any]

    @property
    def numbers(self) -> dict[str, dict[str, Any]]:
        """By language every measure and the counts, as `Entry.numbers` has them."""
        keys = (*self.result["measures"], *COUNTS)
        return {s: {key: row.get(key) for key in keys} for s, row in self.result["languages"].items()}

    @property
    def name(self) -> str:
        """Task and model."""
        return f"{self.result['model']} on {self.result['task']}"

    def as_dict(self) -> dict[str, Any]:
        """The entry as a release stores it."""
        return {
            "identity": self.identity,
            "digest": self.digest,
            "digests": self.digests,
            "result": self.result,
        }

    def held_by(self, entry: Entry) -> bool:
        """Whether an entry still has all these numbers; it may have grown since."""
        return entry.identity == self.identity and all(
            _same(subset, row, self.digests.get(subset, {}), entry) for subset, row in self.numbers.items()
        )


def _same(subset: str, row: Mapping[str, Any], digests: Mapping[str, str], entry: Entry) -> bool:
    block = entry.languages.get(subset, {})
    stored = block.get("digests", {})
    equal = all(block.get(key) == value for key, value in row.items())
    return bool(block) and equal and all(stored.get(measure) == sha for measure, sha in digests.items())


@dataclass(frozen=True)
class Release:
    """A frozen version of a board; `files` are the digests of what was imported and reported then, by path."""

    version: str
    date: str
    entries: tuple[Released, ...]
    files: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The release as it is stored."""
        content = {
            "version": self.version,
            "date": self.date,
            "entries": [released.as_dict() for released in self.entries],
            "files": self.files,
        }
        return {"format": FORMAT, "bench": bench.__version__, "digest": digest(content)} | content


def release_of(board: Path, version: str) -> Release:
    """The board as it is, under a version; nothing is written."""
    return Release(version, now(), tuple(released(entry) for _, entry in entries(board)), frozen_files(board))


def released(entry: Entry) -> Released:
    """An entry as a release holds it."""
    result = {key: value for key, value in result_of(entry).items() if key not in _VOLATILE}
    digests = {subset: dict(block.get("digests", {})) for subset, block in entry.languages.items()}
    return Released(entry.identity, entry.digest, digests, result)


def frozen_files(board: Path) -> dict[str, str]:
    """sha256 of every imported and reported file, by its path on the board."""
    paths = sorted(p for folder in _FROZEN_BY_DIGEST for p in (board / folder).rglob("*") if p.is_file())
    return {path.relative_to(board).as_posix(): file_sha256(path) for path in paths if not path.name.startswith(".")}


def make_release(board: Path, version: str) -> Path:
    """Freeze the board as it is under a version.

    InputError for a name that is none, or a version that is there: a release is never written twice.
    """
    if version == NOW or not re.fullmatch(r"[0-9a-z][0-9a-z._-]{0,39}", version):
        raise InputError(f"release {version!r}: expected a version such as 2026.11 (a-z, 0-9, '.', '_', '-')")
    with locked(board, RELEASES):
        path = _path(board, version)
        if path.exists():
            raise InputError(f"{path}: this release is there already and stays as it is: give another version")
        release = release_of(board, version)
        if not release.entries:
            raise InputError(f"{board}: no entries to release; bench run writes them")
        write_whole(path, dump_json(release.as_dict(), indent=1).encode())
    return path


def read_release(board: Path, version: str) -> Release:
    """The release of a version; InputError with those that are there where it is not, or where it is no release."""
    path = _path(board, version)
    known = release_versions(board)
    if version not in known:
        raise unknown("release", version, known, f"{board}/{RELEASES} has {', '.join(known) or 'none'}")
    return parsed_release(upgraded(read_json(path), str(path)), str(path))


def parsed_release(value: Mapping[str, Any], where: str) -> Release:
    """The release that a stored object of the present format is."""
    try:
        rows = tuple(
            Released(dict(row["identity"]), row["digest"], dict(row["digests"]), dict(row["result"]))
            for row in value["entries"]
        )
        for row in rows:
            _ = (row.numbers, row.name)
        return Release(value["version"], value["date"], rows, dict(value["files"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where}: not a release: {error!r}") from error


def release_versions(board: Path) -> list[str]:
    """The versions that a board has, oldest name first."""
    return sorted((path.stem for path in (board / RELEASES).glob("*.json")), key=_by_number)


def _by_number(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[._-]", version)]


def entry_of(board: Path, row: Released) -> tuple[Path, Entry]:
    """The file that still holds a released entry's numbers, in place or superseded; its scores lie beside it.

    MissingError where no file does.
    """
    for path in _candidates(board, row):
        entry = read_entry(path)
        if row.held_by(entry):
            return path, entry
    raise MissingError(
        f"{board}: no entry has the released numbers of {row.name} ({digest(row.identity)[:8]}); "
        f"restore {row.result['task']}/ and its {SUPERSEDED}/ from the repository's history"
    )


def scores_of(board: Path, row: Released) -> Path:
    """The per-query scores of a released entry; MissingError where they are gone."""
    return entry_of(board, row)[0].with_suffix(".parquet")


def _candidates(board: Path, row: Released) -> Iterator[Path]:
    stated = Entry(row.identity, True, (), (), {})
    folder = board / stated.folder
    names = (f"{stated.stem}.json", f"{stated.stem}--{stated.hex}.json")
    yield from (folder / name for name in names if (folder / name).exists())
    yield from sorted((folder / SUPERSEDED).glob(f"{stated.stem}*--was-{stated.hex}*.json"))


def _path(board: Path, version: str) -> Path:
    return board / RELEASES / f"{version}.json"
