"""A local copy of a benchmark against every pin of its card: files, shards, counts and the fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal, NamedTuple

from bench.census import (
    Census,
    CountedCorpus,
    Difference,
    census_differences,
    check_queries,
    file_differences,
    pin_state,
)
from bench.checksums import Checksums
from bench.collection import Answered, Source
from bench.errors import MissingError
from bench.loaders import open_source
from bench.places import Places
from bench.task import Task
from bench.watch import Watch
from bench.workdir import workdir

_BATCH = 1024
State = Literal["match", "unchecked", "differ", "missing", "damaged"]


class Verified(NamedTuple):
    """What was found of one subset; `census` is None where it could not be read to its end, and `fault` says why.

    `unpinned` are its files without a checksum in the card.
    """

    subset: str
    state: State
    differences: Sequence[Difference] = ()
    census: Census | None = None
    fault: str | None = None
    unpinned: Sequence[str] = ()


def verify(task: Task, subset: str, split: str, places: Places, watch: Watch) -> Verified:
    """Compare the files of a subset, wherever a run finds them without the network, with the card.

    `differ` where a hard pin is missed, `unchecked` where the card has none, `damaged` where a file cannot be read and
    no difference from a pin was seen before.
    """
    try:
        source = open_source(task, subset, split, places)
    except MissingError as error:
        return Verified(subset, "missing", fault=str(error))
    pins = task.pinned(subset, split).files
    unpinned = tuple(name for name, _ in source.files if not pins.get(name))
    differences: list[Difference] = []
    try:
        differences += file_differences(task, subset, source, split, Checksums(places.cache / "checksums.json"))
        census, unseen = _census(task, subset, source, places, watch)
    except MissingError as error:
        state: State = "differ" if any(d.hard for d in differences) else "damaged"
        return Verified(subset, state, differences, fault=str(error), unpinned=unpinned)
    differences += census_differences(task, subset, census, split)
    if unseen and task.absent_documents == "refuse":
        differences.append(Difference("judged documents that the corpus lacks", 0, unseen, hard=True))
    return Verified(subset, pin_state(task, subset, differences, split), differences, census, None, unpinned)


def _census(task: Task, subset: str, source: Source, places: Places, watch: Watch) -> tuple[Census, int]:
    """The census of a subset, and how many documents its judgments name that the corpus lacks."""
    queries, qrels = source.queries(), source.qrels()
    answers = source.answers() if isinstance(source, Answered) else None
    check_queries(f"{task.name}, {subset}", queries, qrels, source)
    with workdir(places.cache) as folder:
        corpus = CountedCorpus(task, subset, source, folder)
        corpus.unseen = {doc for labels in (qrels or {}).values() for doc in labels}
        documents = corpus.docs()
        while batch := sum(1 for _ in islice(documents, _BATCH)):
            watch.reused(batch)
        return corpus.census(queries, qrels, answers), len(corpus.unseen)
