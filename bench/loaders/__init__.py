"""Loaders: how a benchmark's files become passages, queries and judgments. One module a file format, found by name."""

from __future__ import annotations

import importlib

from bench.collection import Source
from bench.errors import InputError
from bench.places import Places
from bench.task import Task

LOADERS = {
    "mini": "bench.loaders.mini:open_source",
    "squad": "bench.loaders.squad:open_source",
    "beir": "bench.loaders.beir:open_source",
    "miracl": "bench.loaders.miracl:open_source",
    "mrtydi": "bench.loaders.mrtydi:open_source",
    "mmarco": "bench.loaders.mmarco:open_source",
    "msmarco": "bench.loaders.mmarco:open_english",
    "xor": "bench.loaders.xor:open_source",
    "xtreme_up": "bench.loaders.xtreme_up:open_source",
}
"""Name in a task card -> `module:function`; the function is called with (task, subset, split, places)."""


def open_source(task: Task, subset: str, split: str, places: Places) -> Source:
    """The source of one subset. MissingError where a file is not to be had; InputError where the loader is unknown."""
    if task.loader not in LOADERS:
        raise InputError(f"tasks/{task.name}.yaml: loader: expected one of {', '.join(LOADERS)}, found {task.loader!r}")
    module, _, function = LOADERS[task.loader].partition(":")
    source: Source = getattr(importlib.import_module(module), function)(task, subset, split, places)
    return source
