"""Exact search gives the same bits on processors that sum in another order: the matrix library's older kernels, and
numpy without the instructions that it found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SEARCH = """
import hashlib
import numpy as np
from bench.search import search
class Names:
    def __len__(self): return 3000
    def take(self, rows): return [b"%d" % row for row in rows]
rng = np.random.default_rng(4)
vectors = rng.standard_normal((3000, 200)).astype(np.float32)
vectors[1000:2000] = vectors[:1000] * (1 + rng.standard_normal((1000, 1)) * 1e-7).astype(np.float32)
queries = rng.standard_normal((40, 200)).astype(np.float32)
found = [*search(queries, [vectors], Names(), 100), *search(queries, [vectors], Names(), 3000)]
sums = queries @ vectors.T, np.einsum("ij,ij->i", vectors[:40], queries, dtype=np.float64)
for arrays in (sums, [array for one in found for array in one]):
    print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


def searched(**environment: str) -> tuple[str, str]:
    """What digests the raw sums and the lists of a search have, in a process of that environment."""
    done = subprocess.run(
        [sys.executable, "-c", SEARCH],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        env=os.environ | environment,
    )
    sums, lists = done.stdout.split()
    return sums, lists


def test_other_kernels_give_other_sums_and_the_same_lists() -> None:
    dispatched = getattr(np._core._multiarray_umath, "__cpu_dispatch__", [])
    found = [searched(OPENBLAS_CORETYPE=core) for core in ("Nehalem", "Sandybridge")]
    found += [searched(), searched(NPY_DISABLE_CPU_FEATURES=" ".join(dispatched))]
    assert len({lists for _, lists in found}) == 1
    if len({sums for sums, _ in found}) == 1:
        pytest.skip("all kernels that can be chosen on this machine give the same sums")
