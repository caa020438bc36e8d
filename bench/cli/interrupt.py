"""Ctrl-C stops a run within a second or two, even where a library does not return to Python.

Nothing is lost by a hard stop: files are written whole or not at all.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_PATIENCE_S = 1.5
EXIT_CODE = 130


@contextmanager
def stopping(farewell: Callable[[], None]) -> Iterator[None]:
    """Inside, the first Ctrl-C raises KeyboardInterrupt; if that gets nowhere, or at a second one, the process ends.

    `farewell` tells what was kept; it is called exactly once if the user interrupts.
    """
    said = threading.Lock()

    def goodbye() -> None:
        if said.acquire(blocking=False):
            farewell()

    def hard() -> None:
        goodbye()
        os._exit(EXIT_CODE)

    def handle(number: int, frame: FrameType | None) -> None:
        if timer.is_alive():
            hard()
        timer.start()
        raise KeyboardInterrupt

    timer = threading.Timer(_PATIENCE_S, hard)
    timer.daemon = True
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, handle) if in_main else None
    try:
        yield
    except KeyboardInterrupt:
        goodbye()
        raise
    finally:
        timer.cancel()
        if in_main:
            signal.signal(signal.SIGINT, before)
