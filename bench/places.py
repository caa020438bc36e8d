"""Where things lie: shipped cards, the user's data, and the cache and the board unless the user says otherwise."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Where data may come from: the user's folder, the cache for downloads, and whether the network may be used."""

    data: Path | None
    cache: Path
    offline: bool


def shipped(kind: str) -> Path:
    """The folder of shipped cards (`tasks` or `models`): inside the installed package, or of the source checkout."""
    package = Path(__file__).parent
    installed = package / "shipped" / kind
    return installed if installed.is_dir() else package.parent / kind


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
