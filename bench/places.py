"""Where things lie unless the user says otherwise: the cache folder, the board."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def default_cache() -> Path:
    """`BENCH_CACHE`, else the user's cache folder of the platform."""
    if os.environ.get("BENCH_CACHE"):
        return Path(os.environ["BENCH_CACHE"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "bench"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "bench"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bench"


def default_board() -> Path:
    """`BENCH_BOARD`, else `leaderboards/` of the current folder."""
    return Path(os.environ.get("BENCH_BOARD") or "leaderboards")


def from_environment(name: str) -> Path | None:
    """The folder that an environment variable names, None if it is unset or empty."""
    return Path(os.environ[name]) if os.environ.get(name) else None
