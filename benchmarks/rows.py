"""Generated vectors, and the memory of processes: what several benchmarks share."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def unit_vectors(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float32]:
    """Rows of length 1 in all directions alike."""
    vectors = rng.standard_normal((rows, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def peak_mb() -> float:
    """Peak resident set of this process in MiB; what its parent had is left out where the system tells."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def peak_of(*arguments: object) -> float:
    """What a fresh process of the benchmark that runs, with these arguments, prints last: its peak resident set."""
    command = [sys.executable, sys.argv[0], *map(str, arguments)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
