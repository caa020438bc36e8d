"""Folders for what lives no longer than one language's run, and the removal of what killed processes left behind."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.files import writing

_LOCK = "lock"
_WRITTEN = ("vectors", "downloads", "results")
_OLD_S = 24 * 3600  # A process that still writes a file touches it now and then.


@contextmanager
def workdir(cache: Path) -> Iterator[Path]:
    """A new folder below `<cache>/work`, removed at the end. StoppedError where it cannot be made.

    A lock in it is held meanwhile. The system gives a killed process' lock back, so that `sweep` knows its folder.
    """
    from filelock import FileLock

    root = cache / "work"
    with ExitStack() as stack:
        with writing(root), alone(root):
            folder = Path(tempfile.mkdtemp(dir=root))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.enter_context(FileLock(folder / _LOCK))
        yield folder


def sweep(cache: Path) -> None:
    """Remove the work folders of processes that have died, and `.part` files that nobody has written to for a day.

    A hidden part is lost with its process; one that is not hidden is a download that can still go on, and stays. What
    cannot be removed, such as another user's, is left.
    """
    root = cache / "work"
    if root.is_dir():
        with writing(root), alone(root):
            for folder in root.iterdir():
                if folder.is_dir():
                    _remove_dead(folder)
    for name in _WRITTEN:
        for part in (cache / name).rglob(".*.part"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _OLD_S:
                    part.unlink()


def _remove_dead(folder: Path) -> None:
    """Remove a folder whose lock nobody holds."""
    from filelock import FileLock

    with suppress(OSError):  # A timeout is one: the owner lives.
        with FileLock(folder / _LOCK, timeout=0):
            pass
        shutil.rmtree(folder)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """No other process makes or removes folders meanwhile: between its making and its locking one looks dead."""
    from filelock import FileLock

    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        yield
