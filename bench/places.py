"""Where things lie: shipped cards, the user's data, and the cache and the board unless the user says otherwise."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.files import digest


@dataclass(frozen=True)
class Places:
    """Where data may come from: the user's folder, the cache for downloads, and whether the network may be used."""

    data: Path | None
    cache: Path
    offline: bool

    def shelf(self, task: str, revision: str) -> Path:
        """The folder in the cache where a task's downloads lie, in the layout of a data folder; one an edition."""
        return self.cache / "downloads" / task / digest(revision)[:12]


MANIFEST = "MANIFEST.json"
"""What makes a folder a bundle: its own list of contents, beside a folder `data`."""


def data_folder(folder: Path | None) -> Path | None:
    """The folder of local copies that --data names: of a bundle the folder `data` inside."""
    is_bundle = folder is not None and (folder / MANIFEST).is_file() and (folder / "data").is_dir()
    return folder / "data" if folder and is_bundle else folder


def bundled_hub(folder: Path | None) -> Path | None:
    """Where a bundle that --data names keeps models of the hub, in the layout of the Hugging Face cache."""
    roots = (folder, folder.parent) if folder else ()
    hubs = (root / "weights" / "hub" for root in roots if (root / MANIFEST).is_file())
    return next((hub for hub in hubs if hub.is_dir()), None)


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
