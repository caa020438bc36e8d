"""Pages that a second process makes beside this one: what is compared and what is drawn takes as long as all the rest.

A process of its own, and neither a fork nor one that imports the caller's script again: the first is unsafe beside
threads, the second would run that script twice.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.site.data import SiteData, site_data
from bench.site.page import Page

WORTH = 500
"""Results from which a second process, which takes a second to begin and reads the board again, saves time."""


def of_kinds(site: SiteData, kinds: Sequence[str]) -> Iterator[Page]:
    """The pages of some modules of `bench.site.pages`, in their order."""
    for kind in kinds:
        yield from importlib.import_module(f"bench.site.pages.{kind}").pages(site)


@contextmanager
def beside(site: SiteData, kinds: Sequence[str]) -> Iterator[Iterator[Page]]:
    """The pages of some kinds, made meanwhile by another process where that is worth it, else when they are asked for.

    Raises what the making raises; RuntimeError where the process ends without an answer. It is gone afterwards.
    """
    if len(site.results) < WORTH or (os.cpu_count() or 1) < 2:
        yield of_kinds(site, kinds)
        return
    asked = pickle.dumps((site.board, site.release, site.cache, list(kinds)))
    with subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin
            process.stdin.write(asked)
            process.stdin.close()
            yield _answer(process)
        finally:
            process.kill()


def _answer(process: subprocess.Popen[bytes]) -> Iterator[Page]:
    assert process.stdout
    answer = process.stdout.read()
    if process.wait():
        raise RuntimeError(f"the process that makes pages beside this one ended with {process.returncode}")
    made, error = pickle.loads(answer)
    if error is not None:
        raise error
    yield from made


def _main() -> None:
    """Read what is asked from standard input, answer on standard output: (pages, None) or (none, the error)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Who asked tells of the interruption.
    board, release, cache, kinds = pickle.load(sys.stdin.buffer)
    answer: tuple[list[Page], Exception | None]
    try:
        answer = list(of_kinds(site_data(Path(board), release, cache), kinds)), None
    except Exception as error:  # Whatever it is, the one who asked raises it.
        answer = [], error
    sys.stdout.buffer.write(pickle.dumps(answer))


if __name__ == "__main__":
    _main()
