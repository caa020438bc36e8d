"""A plan: all that a run was asked for, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.loaders import Places
from bench.measure import Measure, deepest_cut
from bench.system import System
from bench.task import Task


@dataclass(frozen=True)
class Plan:
    """What to measure and where to keep it; `board` None keeps no entry. `languages` are subsets of the task's card."""

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
    allow_unpinned: bool = False

    @property
    def depth(self) -> int:
        """Documents retrieved for each query."""
        return self.k or deepest_cut(self.measures) or 1000

    @property
    def task_name(self) -> str:
        """The task as results name it: `T`, or `T@S` for another split than the card's."""
        return self.task.name if self.split == self.task.split else f"{self.task.name}@{self.split}"

    @property
    def subsets(self) -> tuple[str, ...]:
        """All languages of the task, in the card's order."""
        return tuple(self.task.languages)
