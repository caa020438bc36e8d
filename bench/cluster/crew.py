"""The workers as this process sees them: tasks are dealt out, and those of one that dies go to another.

What a task returns may come in any order. An error of our own that a worker raises is raised here as the same.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.cluster.worker import About, refuse_other_versions
from bench.errors import BenchError, StoppedError

START_S = 120.0
"""How long a worker may take to start, machines of a cluster that grows on demand included."""

TRIES = 3
"""So many workers may die of one task."""

_AHEAD = 2  # Tasks a worker is given: while it works on one, the next is on its way.


class Task(NamedTuple):
    """A call of a worker's method; `name` is what messages call it, `number` what the caller knows it by."""

    number: int
    name: str
    method: str
    arguments: tuple[Any, ...]


@dataclass(eq=False)
class _Hand:
    """One worker, and the tasks that it has been given, oldest first."""

    actor: Any
    about: About | None = None
    given: deque[tuple[Task, Any]] = field(default_factory=deque)


class _Pile:
    """Tasks that nobody has: those that came back first."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.back: deque[Task] = deque()
        self._coming, self._read = iter(tasks), False

    def take(self) -> Task | None:
        """The next one, None where there is none any more."""
        if self.back:
            return self.back.popleft()
        task = next(self._coming, None)
        self._read = self._read or task is None
        return task

    @property
    def empty(self) -> bool:
        """Whether all have been taken, as far as anybody has looked."""
        return self._read and not self.back


class Crew:
    """So many workers; `hire` makes one more, a handle of Ray. `say` is told of those that die."""

    def __init__(self, hire: Callable[[], Any], size: int, say: Callable[[str], None]) -> None:
        self._hire, self._say = hire, say
        self._ready: list[_Hand] = []
        self._starting: dict[Any, _Hand] = {}
        self._since, self._failed = time.monotonic(), ""
        for _ in range(size):
            self._start()

    @property
    def workers(self) -> list[About]:
        """Those that are at work."""
        return [hand.about for hand in self._ready if hand.about]

    def muster(self) -> None:
        """Wait until all are there. Where some do not come, go on with the others; StoppedError where none comes."""
        import ray

        wanted, until = len(self._starting), time.monotonic() + START_S
        while self._starting and time.monotonic() < until:
            done, _ = ray.wait(list(self._starting), timeout=max(0.1, until - time.monotonic()))
            for ref in done:
                self._welcome(ref)
        if not self._ready:
            why = self._failed or f"not within {START_S:.0f} s, and {_resources()}"
            raise StoppedError(f"Ray started none of {wanted} workers: {why}")
        if self._starting:
            self._say(f"{len(self._ready)} of {wanted} workers have started, the others did not: {_resources()}")
            for hand in self._starting.values():
                ray.kill(hand.actor)
            self._starting.clear()

    def results(
        self, tasks: Iterable[Task], able: Callable[[About], bool] = lambda worker: True
    ) -> Iterator[tuple[Task, Any]]:
        """What the tasks return, as it comes; only `able` workers are given any.

        StoppedError where a task has cost several workers, or where none is left.
        """
        pile, deaths = _Pile(tasks), Counter[int]()
        while True:
            self._deal(pile, able)
            at_work = {hand.given[0][1]: hand for hand in self._ready if hand.given}
            if not at_work and pile.empty:
                return
            for ref in self._wait(at_work):
                if ref in self._starting:
                    self._welcome(ref)
                    continue
                hand = at_work[ref]
                try:
                    answer = _answer(ref)
                except _Lost as loss:
                    self._bury(hand, pile, deaths, str(loss))
                    continue
                task, _ = hand.given.popleft()
                yield task, answer

    def close(self) -> None:
        """End all workers at once; what they have stored stays."""
        import ray

        for hand in (*self._ready, *self._starting.values()):
            ray.kill(hand.actor)
        self._ready.clear()
        self._starting.clear()

    def _start(self) -> None:
        actor, self._since = self._hire(), time.monotonic()
        self._starting[actor.about.remote()] = _Hand(actor)

    def _welcome(self, ref: Any) -> None:
        """Take in a worker that has started; one that could not is given up."""
        hand = self._starting.pop(ref)
        try:
            hand.about = _answer(ref)
        except _Lost as loss:
            self._failed = str(loss)
            self._say(f"a worker could not start: {loss}")
            return
        assert hand.about is not None
        refuse_other_versions([hand.about])
        self._ready.append(hand)

    def _deal(self, pile: _Pile, able: Callable[[About], bool]) -> None:
        """Give every able worker something to do and something to go on with, those that lack most first."""
        for depth in range(_AHEAD):
            for hand in self._ready:
                if len(hand.given) > depth or hand.about is None or not able(hand.about):
                    continue
                task = pile.take()
                if task is None:
                    return
                hand.given.append((task, _sent(hand.actor, task)))

    def _wait(self, at_work: dict[Any, _Hand]) -> list[Any]:
        """The references that are ready: first tasks in hand, and workers that have started."""
        import ray

        if not at_work and not self._starting:
            raise StoppedError(f"no worker is left: {_resources()}; what is finished is kept")
        left = None if at_work else max(0.1, START_S - (time.monotonic() - self._since))
        done, _ = ray.wait([*at_work, *self._starting], num_returns=1, timeout=left)
        if not done:
            raise StoppedError(
                f"no worker is left, and none started within {START_S:.0f} s: {_resources()}; what is finished is kept"
            )
        return list(done)

    def _bury(self, hand: _Hand, pile: _Pile, deaths: Counter[int], why: str) -> None:
        """Another worker in the place of a dead one, whose tasks go to the others."""
        import ray

        self._ready.remove(hand)
        ray.kill(hand.actor)
        task = hand.given[0][0]
        deaths[task.number] += 1
        if deaths[task.number] >= TRIES:
            raise StoppedError(f"{task.name}: {TRIES} workers died of it, one after the other, the last: {why}")
        pile.back.extendleft(task for task, _ in reversed(hand.given))
        host = hand.about.host if hand.about else "?"
        self._say(f"a worker on {host} died, what it had in hand goes to another: {why}")
        self._start()


def _sent(actor: Any, task: Task) -> Any:
    """The reference of a task's result, once it is on its way."""
    with room():
        return getattr(actor, task.method).remote(*task.arguments)


@contextmanager
def room() -> Iterator[None]:
    """Inside, something is put into Ray's object store; StoppedError where that is full."""
    from ray import exceptions

    try:
        yield
    except (exceptions.ObjectStoreFullError, exceptions.OutOfDiskError) as error:
        raise _full(error) from error


class _Lost(Exception):
    """A worker is gone, or what it returned; the message says why."""


def _answer(ref: Any) -> Any:
    """What a call returned; an error of our own as itself, _Lost where the worker is gone."""
    import ray
    from ray import exceptions

    try:
        return ray.get(ref)
    except exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, BenchError):
            raise type(cause)(str(cause)) from None
        if isinstance(cause, (exceptions.ObjectStoreFullError, exceptions.OutOfDiskError)):
            raise _full(cause) from None
        if isinstance(cause, MemoryError):
            raise StoppedError("a worker has not enough memory; what is finished is kept") from None
        raise
    except (exceptions.ObjectStoreFullError, exceptions.OutOfDiskError) as error:
        raise _full(error) from error
    except exceptions.RayError as error:
        raise _Lost(_cause(error)) from error


def _full(error: Exception) -> StoppedError:
    """The error of an object store that takes no more: what it is, and what helps."""
    return StoppedError(
        f"Ray's object store is full ({_first_line(error)}); what is finished is kept: give Ray more "
        "(ray start --object-store-memory BYTES), or its folder more disk, or take a smaller --shard-size"
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def _cause(error: Exception) -> str:
    """The first line of Ray's error; of a worker that failed while it was made the last, which has its own error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines and "creation task" in lines[0] else _first_line(error)


def _resources() -> str:
    import ray

    library: Any = ray  # Two functions that it gives no types.
    free, all_of_it = library.available_resources(), library.cluster_resources()
    has = ", ".join(f"{free.get(kind, 0):g} of {all_of_it.get(kind, 0):g} {kind}s free" for kind in ("CPU", "GPU"))
    return f"the cluster has {has}"
