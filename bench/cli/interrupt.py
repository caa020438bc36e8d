"""Ctrl-C stops a run within a second or two, even where a library does not return to Python.

Nothing is lost by a hard stop: files are written whole or not at all.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE_S = 1.5
EXIT_CODE = 130


@contextmanager
def stopping(farewell: Callable[[], None]) -> Iterator[None]:
    """Inside, the first Ctrl-C raises KeyboardInterrupt; if that gets nowhere, or at a second one, the process ends.

    `farewell` tells what was kept; it is called exactly once if the user interrupts. A library that keeps Python's
    global lock and never returns cannot be stopped in this way.
    """
    said = threading.Lock()

    def goodbye() -> None:
        if said.acquire(blocking=False):
            farewell()

    def hard() -> None:
        try:
            goodbye()
        finally:
            os._exit(EXIT_CODE)

    try:
        with _watched(hard):
            yield
    except KeyboardInterrupt:
        goodbye()
        raise


@contextmanager
def _watched(hard: Callable[[], None]) -> Iterator[None]:
    """Call `hard` in a thread if a Ctrl-C has not led out of here after a moment, or comes twice.

    Python runs the handler of a signal between two steps of the main thread, which a library may not return to for
    minutes. The signal's number is written to a socket at once, where a thread waits for it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ears, mouth = socket.socketpair()
    mouth.setblocking(False)
    listener = threading.Thread(target=_listen, args=(ears, hard), daemon=True)
    listener.start()
    old_fd = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    old_handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old_handler)
        signal.set_wakeup_fd(old_fd)
        mouth.close()
        listener.join()
        ears.close()


def _listen(ears: socket.socket, hard: Callable[[], None]) -> None:
    """Wait for a first Ctrl-C, then for a second one, for the end of patience, or for the other end to be closed."""
    try:
        while number := ears.recv(1):
            if number[0] == signal.SIGINT:
                if ears.gettimeout() is not None:
                    break
                ears.settimeout(_PATIENCE_S)
        else:
            return
    except TimeoutError:
        pass
    hard()
