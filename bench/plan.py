"""A plan: all that a run was asked for, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.cluster import Cluster
from bench.measure import Measure, deepest_cut
from bench.places import Places
from bench.sample import Sample
from bench.search import MEMORY
from bench.search.approximate import Factory
from bench.store import SHARD_SIZE
from bench.system import System
from bench.task import Task


@dataclass(frozen=True)
class Plan:
    """What to measure and where to keep it; `board` None keeps no entry. `languages` are subsets of the task's card.

    `drop_self` says that the task drops a document with the query's own id because it was asked for, not by its card.
    `memory` is what a search may use, in bytes; `max_memory` and `max_disk` are the user's limits for the whole run.
    `latency` None times single queries where that costs little (`bench.latency`). `cluster` None works in this process.
    `index` None searches exactly.
    """

    system: System
    task: Task
    languages: tuple[str, ...]
    split: str
    measures: tuple[Measure, ...]
    places: Places
    output: Path
    board: Path | None = None
    k: int | None = None
    limit_docs: int | None = None
    seed: int = 0
    drop_self: bool = False
    allow_unpinned: bool = False
    shard_size: int = SHARD_SIZE
    note: str | None = None
    memory: int = MEMORY
    max_memory: int | None = None
    max_disk: int | None = None
    latency: bool | None = None
    cluster: Cluster | None = None
    index: Factory | None = None

    @property
    def depth(self) -> int:
        """Documents retrieved for each query: enough for every measure asked for and for those of the task's card.

        A measure without a cut, such as AP, looks at the usual 1000 unless the task ranks all.
        """
        uncut = self.task.ranked is None and any(measure.depth is None for measure in self.measures)
        return self.k or max(deepest_cut(self.measures) or 0, self.task.depth, 1000 if uncut else 0)

    @property
    def kept(self) -> int:
        """Documents of each query that a run file holds: all that were retrieved.

        Where the task ranks its whole pool, a file holds no more than the deepest cut looks at: nobody wants millions
        of lines a language.
        """
        if self.task.ranked is None:
            return self.depth
        return min(self.depth, deepest_cut((*self.measures, *self.task.measure_values)) or 1000)

    @property
    def sample(self) -> Sample | None:
        """The sample of each corpus that is searched, None for the whole of it."""
        return Sample(self.limit_docs, self.seed) if self.limit_docs else None

    @property
    def task_name(self) -> str:
        """The task as results name it: `T`, or `T@S` for another split than the card's."""
        return self.task.named(self.split)

    @property
    def subsets(self) -> tuple[str, ...]:
        """All languages of the task that have the split, in the card's order."""
        return self.task.subsets_of(self.split)
