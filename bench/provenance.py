"""What a number was made with: library versions and hardware; no host name, user name or path."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import __version__
from bench.machine import cores
from bench.weights import version

# Every library that touches a number, by its distribution's name.
_LIBRARIES = ("numpy", "scipy", "pytrec-eval-terrier", "bm25s", "PyStemmer", "pyarrow", "ir_datasets", "mteb")


def versions() -> dict[str, str]:
    """Versions of bench, Python and the libraries that touch a number; those that are not installed are left out."""
    found = {name: version(name) for name in _LIBRARIES}
    return {"bench": __version__, "python": platform.python_version()} | {n: v for n, v in found.items() if v}


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GB (10^9 bytes), operating system."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None
