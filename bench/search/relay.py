"""Blocks on their way from one reader to several workers, each at its own pace.

A barrier after every block would leave a processor idle whenever the reader, or anything else, took time from the
other; here a worker that is ahead goes on, until the block it would need lies in memory that a slower one still uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from threading import Condition, Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Relay(Generic[T]):
    """Hands each of `items` to `readers` readers, in order; a context, in which a thread of its own makes the items.

    Item n is made when every reader is done with item n - `slots`: it may lie in the same memory. An error in making
    an item reaches every reader, after the items before it; `stop` ends the reading at once.
    """

    def __init__(self, items: Iterator[T], readers: int, slots: int) -> None:
        self._items, self._slots = items, slots
        self._changed = Condition()
        self._ring: list[T | None] = [None] * slots
        self._made = 0
        self._done = [0] * readers
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._make, name="bench-relay", daemon=True)

    def __enter__(self) -> Relay[T]:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """No more items, for anybody; may be called from any thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def read(self, reader: int) -> Iterator[T]:
        """The items, for reader 0, 1, ..; each is valid until the next is asked for."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._made > self._done[reader] or self._ended or self._stopped)
                if self._stopped:
                    return
                if self._made == self._done[reader]:
                    if self._error:
                        raise self._error
                    return
                item = self._ring[self._done[reader] % self._slots]
            yield item  # type: ignore[misc]
            with self._changed:
                self._done[reader] += 1
                self._changed.notify_all()

    def passed(self) -> Iterator[int]:
        """1, 2, .. as soon as all readers are done with so many items, until there will be no more."""
        for number in count(1):
            with self._changed:
                while min(self._done) < number and not (self._stopped or self._over()):
                    self._changed.wait()
                if min(self._done) < number:
                    return
            yield number

    def _over(self) -> bool:
        return self._ended and min(self._done) == self._made

    def _make(self) -> None:
        try:
            for number in count():
                self._wait_for_room(number)
                if self._stopped:
                    break
                try:
                    item = next(self._items)
                except StopIteration:
                    break
                with self._changed:
                    self._ring[number % self._slots] = item
                    self._made += 1
                    self._changed.notify_all()
        except BaseException as error:  # Whatever it is, the readers are to raise it.
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait_for_room(self, number: int) -> None:
        """Wait until nobody uses the memory of the item `slots` before this one any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or min(self._done) > number - self._slots)
