"""Cards and judgments by the names that results have; nothing is fetched for them."""

from __future__ import annotations

from bench.collection import Qrels
from bench.errors import BenchError, InputError, MissingError
from bench.expression import Name, leaves
from bench.grammar import parse_expression
from bench.loaders import open_source
from bench.model import Model
from bench.places import Places
from bench.registry import Registry
from bench.task import Task


class Judgments:
    """What `bench.leaderboard.verify` compares entries with: every card, and judgments where `judged` asks for them."""

    def __init__(self, registry: Registry, places: Places, *, judged: bool = True) -> None:
        self._registry, self._judged = registry, judged
        self._places = Places(places.data, places.cache, offline=True)
        self._tasks: dict[str, Task | None] = {}
        self._last: tuple[tuple[str, str, str], Qrels | None] | None = None

    def task(self, name: str) -> Task | None:
        """The card of `T` or `T@S`; None where there is none, or for the folder of someone else."""
        if name not in self._tasks:
            self._tasks[name] = None
            for stem in (name, name.rpartition("@")[0]):
                if stem and not stem.startswith("path:"):
                    try:
                        self._tasks[name] = self._registry.task(stem)
                        break
                    except (InputError, MissingError):
                        continue
        return self._tasks[name]

    def models(self, name: str) -> tuple[Model, ...] | None:
        """The cards of a system's models; None where one of them has none here."""
        try:
            found = list(leaves(parse_expression(name)))
            known = [self._registry.model(leaf.text) for leaf in found if isinstance(leaf, Name)]
        except (InputError, MissingError):
            return None
        return tuple(known) if len(known) == len(found) else None

    @property
    def judged(self) -> bool:
        """Whether judgments are looked for at all."""
        return self._judged

    def qrels(self, task: Task, split: str, subset: str) -> Qrels | None:
        """The judgments of a subset; None where its files are not at hand, or it has none."""
        key = (task.name, split, subset)
        if self._last is None or self._last[0] != key:  # One language's judgments at a time are enough in memory.
            try:
                self._last = key, open_source(task, subset, split, self._places).qrels()
            except BenchError:
                self._last = key, None
        return self._last[1]
