"""Blocks handed to several workers: each sees all of them, none is overwritten in use, no error is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.search.relay import Relay

SLOTS = 3


def buffers(count: int, slots: int = SLOTS) -> Iterator[NDArray[np.int64]]:
    """Arrays full of their number, in `slots` pieces of memory that are used in turn."""
    memory = np.full((slots, 64), -1)
    for number in range(count):
        memory[number % slots] = number
        yield memory[number % slots]


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_every_reader_sees_every_item_whole_at_its_own_pace(readers: int) -> None:
    def work(reader: int) -> list[int]:
        seen = []
        pace = random.Random(reader)
        for item in relay.read(reader):
            before = item.copy()
            time.sleep(pace.random() / 500)
            assert (item == before).all(), "the memory was used again too early"
            seen.append(int(item[0]))
        return seen

    with Relay(buffers(50), readers, SLOTS) as relay, ThreadPoolExecutor(readers) as pool:
        working = [pool.submit(work, reader) for reader in range(readers)]
        assert list(relay.passed()) == list(range(1, 51))
        assert [one.result() for one in working] == [list(range(50))] * readers


def test_a_fast_reader_waits_for_the_memory_of_a_slow_one() -> None:
    with Relay(buffers(10), 2, SLOTS) as relay, ThreadPoolExecutor(1) as pool:
        slow, seen = relay.read(1), []
        assert next(slow)[0] == 0

        def hurry() -> None:
            for item in relay.read(0):
                seen.append(int(item[0]))

        done = pool.submit(hurry)
        time.sleep(0.2)
        assert seen == list(range(SLOTS))
        assert [int(item[0]) for item in slow] == list(range(1, 10))
        done.result()
        assert seen == list(range(10))


def test_an_error_in_making_an_item_reaches_every_reader_after_the_items_before_it() -> None:
    def broken() -> Iterator[NDArray[np.int64]]:
        yield from buffers(2)
        raise OSError("the disk is gone")

    def work(reader: int) -> int:
        count = 0
        with pytest.raises(OSError, match="the disk is gone"):
            for _ in relay.read(reader):
                count += 1
        return count

    with Relay(broken(), 2, SLOTS) as relay, ThreadPoolExecutor(2) as pool:
        working = [pool.submit(work, reader) for reader in range(2)]
        assert list(relay.passed()) == [1, 2]
        assert [one.result() for one in working] == [2, 2]


def test_stopping_ends_readers_watcher_and_maker() -> None:
    made = []

    def counted() -> Iterator[NDArray[np.int64]]:
        for item in buffers(1000):
            made.append(1)
            yield item

    with Relay(counted(), 2, SLOTS) as relay:
        first = relay.read(0)
        next(first)
        relay.stop()
        assert list(first) == [] == list(relay.read(1)) == list(relay.passed())
    assert len(made) <= SLOTS
