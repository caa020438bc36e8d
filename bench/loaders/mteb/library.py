"""The installed mteb: its tasks by name, and a quiet, seed-keeping, if need be offline place to call it from."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import Any

from bench.seeding import seeded


def release() -> str:
    """The library and its version, such as `mteb 2.26.24`."""
    return f"mteb {version('mteb')}"


def tasks() -> dict[str, Any]:
    """The class of every task by mteb's own name; seconds for the first call, and nothing is downloaded."""
    with calling():
        import mteb.tasks

        found = [value for value in vars(mteb.tasks).values() if isinstance(value, type) and hasattr(value, "metadata")]
        return {cls.metadata.name: cls for cls in found if derives(cls, mteb.AbsTask)}


def derives(cls: type, ancestor: type) -> bool:
    """Whether a task class is of a kind; `issubclass` takes seconds for them all, since mteb's classes are abstract."""
    return ancestor in cls.__mro__


@contextmanager
def calling(*, offline: bool = False) -> Iterator[None]:
    """Inside, mteb's notices and progress bars are silent and random generators the caller's again afterwards.

    mteb seeds the global generators whenever it makes a task. `offline` keeps the Hugging Face libraries from the
    network, also where they were loaded before that was asked for.
    """
    with ExitStack() as stack:
        stack.enter_context(seeded(0))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        import datasets  # type: ignore[import-untyped]
        import mteb  # noqa: F401 - its import logs, too
        from huggingface_hub import constants

        for name in ("mteb", "datasets"):
            stack.enter_context(_level(logging.getLogger(name)))
        stack.enter_context(_bars(datasets))
        if offline:
            stack.enter_context(_set(constants, "HF_HUB_OFFLINE"))
            stack.enter_context(_set(datasets.config, "HF_HUB_OFFLINE"))
        yield


@contextmanager
def _level(logger: logging.Logger) -> Iterator[None]:
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _bars(datasets: Any) -> Iterator[None]:
    shown = datasets.are_progress_bars_disabled() is False
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def _set(module: Any, name: str) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, True)
    try:
        yield
    finally:
        setattr(module, name, before)
