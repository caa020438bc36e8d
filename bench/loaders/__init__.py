"""Loaders: how a benchmark's files become passages, queries and judgments. One module a file format, found by name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from bench.collection import Source
from bench.errors import InputError, MissingError
from bench.needed import Needed
from bench.places import Places
from bench.task import Task

LOADERS = {
    "mini": "bench.loaders.mini:open_source",
    "squad": "bench.loaders.squad:open_source",
    "lareqa": "bench.loaders.lareqa:open_source",
    "lareqa_context": "bench.loaders.lareqa:open_context",
    "beir": "bench.loaders.beir:open_source",
    "trec": "bench.loaders.trec:open_source",
    "miracl": "bench.loaders.miracl:open_source",
    "mrtydi": "bench.loaders.mrtydi:open_source",
    "mmarco": "bench.loaders.mmarco:open_source",
    "msmarco": "bench.loaders.mmarco:open_english",
    "xor": "bench.loaders.xor:open_source",
    "xtreme_up": "bench.loaders.xtreme_up:open_source",
    "mteb": "bench.loaders.mteb.source:open_source",
}
"""Name in a task card -> `module:function`; the function is called with (task, subset, split, places)."""


def open_source(task: Task, subset: str, split: str, places: Places) -> Source:
    """The source of one subset. MissingError where a file is not to be had; InputError where the loader is unknown."""
    if task.loader not in LOADERS:
        raise InputError(f"tasks/{task.name}.yaml: loader: expected one of {', '.join(LOADERS)}, found {task.loader!r}")
    module, _, function = LOADERS[task.loader].partition(":")
    try:
        source: Source = getattr(importlib.import_module(module), function)(task, subset, split, places)
    except MissingError as error:
        if not places.offline or not fetchable(task, subset, split):
            raise
        raise MissingError(f"{error} ({fetching(task, subset, split, places)})") from error
    return source


LISTINGS = {
    "miracl": "bench.loaders.miracl:needed",
    "mrtydi": "bench.loaders.mrtydi:needed",
    "mmarco": "bench.loaders.mmarco:needed",
    "msmarco": "bench.loaders.mmarco:needed_english",
    "xor": "bench.loaders.xor:needed",
    "xtreme_up": "bench.loaders.xtreme_up:needed",
}
"""Name in a task card -> what lists its files, with (task, subset, split); those left out need what the card pins."""


def needed(task: Task, subset: str, split: str) -> Sequence[Needed]:
    """The files that the loader of a task reads, with their origins; none where they are part of something else."""
    module, _, function = LISTINGS.get(task.loader, "bench.loaders.local:needed").partition(":")
    files: Sequence[Needed] = getattr(importlib.import_module(module), function)(task, subset, split)
    return files


def fetchable(task: Task, subset: str, split: str) -> bool:
    """Whether the address of every file is known."""
    files = needed(task, subset, split)
    return bool(files) and all(file.origin for file in files)


def fetching(task: Task, subset: str, split: str, places: Places) -> str:
    """The command that fetches what a subset needs to where it is looked for."""
    options = [f"--split {split}"] if split != task.split else []
    options += [f"--data {places.data}"] if places.data else []
    return " ".join(["bench tasks fetch", task.name, f"--lang {subset}", *options])
