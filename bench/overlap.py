"""What goes on beside the model: the next texts are read and tokenised ahead of it, finished vectors written behind it.

One window ahead and one shard behind, never more, so that memory stays bounded. A shard begins to be written at the
moment at which it would be written without this; a crash loses what it lost then, and what was encoded meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from bench.encoding import Prepared, Preparing, Side, TextEncoder

T = TypeVar("T")
U = TypeVar("U")


class Behind:
    """One job at a time in another thread; what it raises is raised by the next call, or when the block is left."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bench-behind")
        self._last: Future[object] | None = None

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Begin a job as soon as the one before has ended."""
        self.wait()
        future = self._pool.submit(job)
        self._last = future  # type: ignore[assignment]
        return future

    def wait(self) -> None:
        """Until the last job has ended; its error, if it has one."""
        last, self._last = self._last, None
        if last:
            last.result()

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown()
        if error is None:
            self.wait()


class Ahead:
    """The windows of a corpus, the next one tokenised in a thread of its own while the one before is encoded."""

    def __init__(self, encoder: TextEncoder, side: Side) -> None:
        self._prepare = encoder.prepare if isinstance(encoder, Preparing) else None
        self._side = side

    def of(self, windows: Iterator[tuple[U, Sequence[str] | None]]) -> Iterator[tuple[U, Prepared | None]]:
        """Each window as it is named, with its texts prepared; None where nobody asked (no texts), or it failed.

        One window is read before the one ahead of it is yielded: so two are held.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="bench-ahead") as pool:
            before: tuple[U, Future[Prepared | None] | None] | None = None
            for name, texts in windows:
                wanted = texts is not None and self._prepare is not None and before is not None
                future = pool.submit(self._prepare, texts, self._side) if wanted else None  # type: ignore[arg-type]
                if before:
                    yield before[0], _had(before[1])
                before = name, future
            if before:
                yield before[0], _had(before[1])


def _had(future: Future[Prepared | None] | None) -> Prepared | None:
    """What was prepared; nothing where it failed: the encoder will say so itself when it comes to the texts."""
    if future is None or future.exception() is not None:
        return None
    return future.result()
