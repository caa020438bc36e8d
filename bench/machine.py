"""What this machine has and what this process takes of it: memory, disk, cores. Bytes; None where nobody says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def total_memory() -> int | None:
    """The memory of the machine, or of the container where that has less."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    limit = _container_limit()
    return min(whole, limit) if limit else whole


def free_memory() -> int | None:
    """What could be had without taking it from another process, as the kernel reckons it."""
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def resident() -> int | None:
    """What this process holds in memory now."""
    fields = _lines(Path("/proc/self/statm"))[:1]
    if not fields:
        return None
    return int(fields[0].split()[1]) * os.sysconf("SC_PAGE_SIZE")


def free_disk(folder: Path) -> int:
    """The room on the disk of a folder, there or still to be made."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def _container_limit() -> int | None:
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        for line in _lines(Path(name))[:1]:
            if line.isdigit() and int(line) < 1 << 60:  # Version 1 of cgroups writes a huge number for none.
                return int(line)
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
