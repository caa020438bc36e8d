"""Where a benchmark's file lies: under the data folder, plain or gzipped, else downloaded once into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bench.errors import MissingError
from bench.fetch import fetch
from bench.needed import Needed, Origin, find
from bench.places import Places
from bench.task import Task


def locate(task: Task, subset: str, name: str, places: Places, remote: str | None = None) -> Path:
    """The path of the file that the card calls `name`; MissingError says where it was looked for and how to get it.

    `remote` is its address below that of the source, by default its last name.
    """
    shelf = places.shelf(task.name, task.source.revision)
    found = local(name, places.data) or local(name, shelf)
    if found:
        return found
    looked = f"no {name} or {name}.gz under {places.data}" if places.data else "no --data folder was given"
    needed = published(task, subset, name, remote)
    if needed.origin is None:
        raise MissingError(f"{task.name}, {subset}: {looked}; put the file there and give the folder with --data")
    if places.offline:
        url = needed.origin.url
        raise MissingError(f"{task.name}, {subset}: {looked}, and --offline (or --dry-run) forbids to fetch {url}")
    fetch([needed], shelf)
    return shelf / name


def local(name: str, folder: Path | None) -> Path | None:
    """`folder/name` or `folder/name.gz`, whichever is there."""
    return find(name, folder) if folder else None


def own_folder(task: Task, subset: str, places: Places) -> Path:
    """Where a subset of a task without a fixed layout lies: in the folder of a `path:` task, or in its own in there.

    Of another task `<data>/<task>/<subset>`. MissingError where no --data folder was given for it.
    """
    if task.name.startswith("path:") and task.source.url:
        whole = Path(task.source.url)
        return whole / subset if (whole / subset).is_dir() else whole
    if places.data is None:
        raise MissingError(f"{task.name}, {subset}: its files lie under --data, and no --data folder was given")
    return places.data / task.name / subset


def published(task: Task, subset: str, name: str, remote: str | None = None, size: int | None = None) -> Needed:
    """A file that lies below the address of the task's source, at `remote` or under its last name."""
    pin = pinned(task, subset, name)
    if not task.source.url:
        return Needed(name, checksum=pin)
    url = f"{task.source.url.rstrip('/')}/{remote or PurePosixPath(name).name}"
    return Needed(name, Origin(url, pin, size), checksum=pin)


def pinned(task: Task, subset: str, name: str) -> str | None:
    """The card's checksum of a file, whichever split it belongs to."""
    row = task.languages[subset]
    return next((pins.files[name] for pins in (row, *row.splits.values()) if pins.files.get(name)), None)


def needed(task: Task, subset: str, split: str) -> Sequence[Needed]:
    """The files that the card pins, below the address of its source: what a loader needs that says nothing else."""
    return [published(task, subset, name) for name in task.pinned(subset, split).files]
