"""What a full memory looks like: each library has an error of its own for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.encoding import OutOfMemory

_SAID = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def batch_in_memory(name: str) -> Iterator[None]:
    """Inside, an error that says that the memory is full becomes OutOfMemory, for whoever can cut a smaller batch."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_full(error):
            raise
        raise OutOfMemory(f"{name}: the memory is full") from error


def is_full(error: BaseException) -> bool:
    """Whether an error says so: Python's own, torch's for a device, or what its allocator for the CPU writes."""
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    said = isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _SAID)
    return isinstance(error, MemoryError) or named or said
