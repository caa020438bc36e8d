"""What can be wrong with a release: it is frozen, and what it names is still there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.entry import mean_of
from bench.errors import BenchError, InputError, MissingError
from bench.files import digest
from bench.leaderboard.releases import Release, Released, entry_of, parsed_release
from bench.leaderboard.verify.faults import Fault, Finding
from bench.leaderboard.verify.recomputed import EXACT

_FIELDS = {"format", "bench", "digest", "version", "date", "entries", "files"}


def release_faults(board: Path, path: Path, value: Mapping[str, Any] | None) -> list[Fault]:
    """All that is wrong with the release in a file; `value` is its object, None where there is none."""
    if value is None:
        return []
    where = path.relative_to(board).as_posix()
    try:
        release = parsed_release(value, where)
        found = [*_itself(release, value, path.stem), *_entries(board, release)]
    except InputError as error:
        found = [("release", str(error).removeprefix(f"{where}: "))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        found = [("release", f"not a release: {error!r}")]
    return [Fault(where, check, message) for check, message in found]


def _itself(release: Release, value: Mapping[str, Any], name: str) -> Iterator[Finding]:
    for key in sorted(value.keys() - _FIELDS):
        yield "unknown field", f"{key!r}"
    if release.version != name:
        yield "place", f"the version inside is {release.version!r}"
    if value.get("digest") != release.as_dict()["digest"]:
        yield "digest", "the release was edited after it was written"
    counts = Counter(digest(row.identity) for row in release.entries)
    for row in release.entries:
        if counts[digest(row.identity)] > 1:
            yield "duplicate", f"{row.name} stands there {counts[digest(row.identity)]} times"


def _entries(board: Path, release: Release) -> Iterator[Finding]:
    for row in release.entries:
        if digest({"identity": row.identity, "numbers": row.numbers}) != row.digest:
            yield "digest", f"{row.name}: its identity and numbers are not those of its digest"
        yield from _means(row)
        yield from _heading(row)
        try:
            entry_of(board, row)
        except MissingError:
            yield "release", f"{row.name} ({digest(row.identity)[:8]}): no entry has these numbers any more"
        except BenchError:
            yield "release", f"{row.name}: its entry cannot be read"


def _heading(row: Released) -> Iterator[Finding]:
    """Whether the result says what its identity and languages say."""
    result, count = row.result, len(row.result["languages"])
    stated = {key: result[key] for key in ("model", "task", "split", "complete", "partial", "identity")}
    right: dict[str, Any] = {key: row.identity[key] for key in ("model", "task", "split")}
    of = count + len(result["missing"])
    right |= {"complete": count == of, "partial": f"{count}/{of}", "identity": digest(row.identity)[:8]}
    for key, value in right.items():
        if stated[key] != value:
            yield "derived", f"{row.name}: {key}: expected {value!r}, found {stated[key]!r}"


def _means(row: Released) -> Iterator[Finding]:
    mean = row.result["mean"]
    right = mean_of(row.result["languages"], row.result["measures"], mean["of"])
    for key, value in right.items():
        stored = mean.get(key)
        same = stored == value or (None not in (stored, value) and abs(stored - value) <= EXACT)
        if not same:
            yield "derived", f"{row.name}: mean of {key}: expected {value!r}, found {stored!r}"
