"""What has changed from one version of a board to another: new, gone and changed entries, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.files import digest
from bench.leaderboard.releases import Release, Released

Kind = Literal["new", "gone", "changed"]


@dataclass(frozen=True)
class Change:
    """One entry that differs.

    `identity` maps the keys of the identity that differ to (before, after); `numbers` goes by language and key, a value
    that was not there being None.
    """

    kind: Kind
    task: str
    model: str
    before: str | None
    after: str | None
    identity: dict[str, tuple[Any, Any]]
    numbers: dict[str, dict[str, tuple[Any, Any]]]

    def as_dict(self) -> dict[str, Any]:
        """The change as `bench board diff --json` prints it."""
        return {
            "change": self.kind,
            "task": self.task,
            "model": self.model,
            "before": self.before,
            "after": self.after,
            "identity": {key: list(pair) for key, pair in self.identity.items()},
            "languages": {s: {key: list(pair) for key, pair in row.items()} for s, row in self.numbers.items()},
        }


def entry_changes(old: Release, new: Release) -> list[Change]:
    """The entries that differ, by task and model.

    Entries of one identity belong together; then those of one task and model, where each side has one left.
    """
    before, after = _by_identity(old), _by_identity(new)
    both = before.keys() & after.keys()
    gone = {key: row for key, row in before.items() if key not in both}
    come = {key: row for key, row in after.items() if key not in both}
    pairs = [(before[key], after[key]) for key in both]
    for name in {_name(row) for row in gone.values()}:
        left = [key for key, row in gone.items() if _name(row) == name]
        right = [key for key, row in come.items() if _name(row) == name]
        if len(left) == len(right) == 1:
            pairs.append((gone.pop(left[0]), come.pop(right[0])))
    found = [change for a, b in pairs if (change := _change(a, b))]
    found += [_only("gone", row) for row in gone.values()] + [_only("new", row) for row in come.values()]
    return sorted(found, key=lambda change: (change.task, change.model, change.before or "", change.after or ""))


def file_changes(old: Release, new: Release) -> dict[str, Kind]:
    """The imported and reported files that differ, by path."""
    kinds: dict[str, Kind] = {}
    for path in sorted(old.files.keys() | new.files.keys()):
        if path not in old.files:
            kinds[path] = "new"
        elif path not in new.files:
            kinds[path] = "gone"
        elif old.files[path] != new.files[path]:
            kinds[path] = "changed"
    return kinds


def _by_identity(release: Release) -> dict[str, Released]:
    return {digest(row.identity): row for row in release.entries}


def _name(row: Released) -> tuple[str, str]:
    return row.result["task"], row.result["model"]


def _change(a: Released, b: Released) -> Change | None:
    identity = _differing(a.identity, b.identity)
    before, after = a.numbers, b.numbers
    numbers = {s: _differing(before.get(s, {}), after.get(s, {})) for s in dict.fromkeys((*before, *after))}
    numbers = {subset: row for subset, row in numbers.items() if row}
    if not identity and not numbers:
        return None
    return Change("changed", *_name(b), a.result["identity"], b.result["identity"], identity, numbers)


def _only(kind: Kind, row: Released) -> Change:
    here = row.result["identity"]
    return Change(kind, *_name(row), here if kind == "gone" else None, here if kind == "new" else None, {}, {})


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    keys = dict.fromkeys((*a, *b))
    return {key: (a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)}
