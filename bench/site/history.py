"""The releases of a board, and what changed from one to the next and since the last one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.entry import COUNTS
from bench.leaderboard.changes import Change, entry_changes, file_changes
from bench.leaderboard.releases import NOW, Release, read_release, release_of
from bench.site.cells import number, signed
from bench.site.data import SiteData
from bench.site.sheets import Sheet


class Changed(NamedTuple):
    """One entry that differs: what happened in words, and language, key, before, after and difference of numbers."""

    kind: str
    task: str
    model: str
    page: str | None
    words: str
    numbers: tuple[tuple[str, str, str, str, str], ...]


class Step(NamedTuple):
    """One version of the board, the last one `now`: its date, and what differs from the one before, if any."""

    version: str
    date: str | None
    folder: str | None
    before: str | None
    systems: int
    tasks: int
    changes: tuple[Changed, ...]
    files: tuple[tuple[str, str], ...]

    @property
    def is_now(self) -> bool:
        return self.version == NOW

    def counted(self, kind: str) -> int:
        return sum(change.kind == kind for change in self.changes)

    @property
    def words(self) -> str:
        """What is new in a few words: `2 new and 1 changed entries, 1 file`."""
        if self.before is None:
            return _many(self.systems, "entry", "entries")
        counts = [f"{self.counted(kind)} {kind}" for kind in ("new", "changed", "gone") if self.counted(kind)]
        entries = [f"{' and '.join(counts)} {'entry' if len(self.changes) == 1 else 'entries'}"] if counts else []
        files = [_many(len(self.files), "file", "files")] if self.files else []
        return ", ".join(entries + files) or "nothing"


def steps_of(site: SiteData) -> list[Step]:
    """The board as it is, and its releases, the newest first; the board alone where it has none."""
    releases = [read_release(site.board, version) for version in site.versions]
    versions = [*releases, release_of(site.board, NOW)]
    befores = [None, *releases]
    return [_step(site, old, new) for old, new in zip(befores, versions, strict=True)][::-1]


def news_of(site: SiteData) -> Step | None:
    """What is new: since the last release where anything is, else what that one brought; None without releases."""
    steps = steps_of(site) if site.versions else []
    told = [step for step in steps if step.before is not None and (step.changes or step.files)]
    return next(iter(told or steps[1:]), None)


def _step(site: SiteData, old: Release | None, new: Release) -> Step:
    changes = [] if old is None else entry_changes(old, new)
    files = {} if old is None else file_changes(old, new)
    is_now = new.version == NOW
    return Step(
        new.version,
        None if is_now else new.date[:10],
        None if is_now else site.release_folder(new.version),
        old.version if old else None,
        len(new.entries),
        len({row.result["task"] for row in new.entries}),
        tuple(_changed(site, change) for change in changes),
        tuple(files.items()),
    )


def _changed(site: SiteData, change: Change) -> Changed:
    page = site.task_page(change.task) if change.task in site.by_task else None
    numbers = [
        (code, key, _text(before), _text(after), _apart(before, after))
        for code, row in change.numbers.items()
        for key, (before, after) in row.items()
    ]
    return Changed(change.kind, change.task, change.model, page, _words(change), tuple(numbers))


def _many(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _words(change: Change) -> str:
    """What happened to an entry."""
    if change.kind != "changed":
        return {"new": "a new entry", "gone": "no longer there"}[change.kind]
    parts = [f"another {', '.join(change.identity)}"] if change.identity else []
    grown = [code for code, row in change.numbers.items() if _is_new(row)]
    other = [code for code in change.numbers if code not in grown]
    parts += [f"new: {', '.join(grown)}"] if grown else []
    parts += [f"other numbers: {', '.join(other)}"] if other else []
    return "; ".join(parts)


def _is_new(row: Mapping[str, tuple[Any, Any]]) -> bool:
    return all(before is None for before, _ in row.values())


def _text(value: Any) -> str:
    return "–" if value is None else number(value) if isinstance(value, float) else str(value)


def _apart(before: Any, after: Any) -> str:
    return signed(after - before) if isinstance(before, float) and isinstance(after, float) else ""


def changes_sheet(site: SiteData) -> Sheet:
    """All changes of numbers, a row each, to download."""
    rows: list[list[Any]] = []
    releases = [read_release(site.board, version) for version in site.versions]
    for old, new in zip(releases, [*releases[1:], release_of(site.board, NOW)], strict=True):
        for change in entry_changes(old, new):
            named = [old.version, new.version, change.kind, change.task, change.model]
            rows += [[*named, None, None, None, None]] if not change.numbers else []
            for code, row in change.numbers.items():
                rows += [[*named, code, key, *pair] for key, pair in row.items() if key not in COUNTS]
    head = ("before", "after", "change", "task", "model", "language", "measure", "value before", "value after")
    return Sheet("changes", "What changed from release to release", head, rows)
