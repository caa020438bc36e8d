"""Panels of scores for tests of the statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.significance.panel import Design, Panel, Sheet, panel


def table(*languages: NDArray[np.float64], design: Design | None = None, names: tuple[str, ...] | None = None) -> Panel:
    """A panel of (systems, queries) arrays."""
    sheets = {}
    for i, scores in enumerate(languages):
        queries = names or tuple(f"q{k:05}" for k in range(scores.shape[1]))
        sheets[f"l{i}"] = Sheet(queries, scores)
    return panel([f"s{i}" for i in range(len(languages[0]))], sheets, design or Design())


def skewed(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    return np.minimum(1.0, rng.exponential(0.3, shape))
