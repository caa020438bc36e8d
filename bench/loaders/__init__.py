"""Loaders: how a benchmark's files become passages, queries and judgments. One module a file format, found by name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.collection import Passage, Qrels, Query
from bench.errors import InputError
from bench.task import Task

LOADERS = {
    "mini": "bench.loaders.mini:open_source",
    "squad": "bench.loaders.squad:open_source",
    "beir": "bench.loaders.beir:open_source",
}
"""Name in a task card -> `module:function`; the function is called with (task, subset, split, places)."""


@dataclass(frozen=True)
class Places:
    """Where data may come from: the user's folder, the cache for downloads, and whether the network may be used."""

    data: Path | None
    cache: Path
    offline: bool


class Source(Protocol):
    """The files of one subset, opened: all of them are there, none has been read as a whole yet.

    `files` are (name under the data folder, path) pairs; `passages` streams in file order and may be called again;
    `qrels` is None where the split has no public judgments.
    """

    @property
    def files(self) -> tuple[tuple[str, Path], ...]: ...
    def passages(self) -> Iterator[Passage]: ...
    def queries(self) -> list[Query]: ...
    def qrels(self) -> Qrels | None: ...


def open_source(task: Task, subset: str, split: str, places: Places) -> Source:
    """The source of one subset. MissingError where a file is not to be had; InputError where the loader is unknown."""
    if task.loader not in LOADERS:
        raise InputError(f"tasks/{task.name}.yaml: loader: expected one of {', '.join(LOADERS)}, found {task.loader!r}")
    module, _, function = LOADERS[task.loader].partition(":")
    source: Source = getattr(importlib.import_module(module), function)(task, subset, split, places)
    return source
