"""Holm's correction for many tests: the chance that any true hypothesis is rejected stays below the level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def holm(p: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The adjusted p-values, in the same order: reject where one is at most the level. NaN is no test, and stays.

    The k-th smallest of m is multiplied by m - k + 1, none falls below a smaller one's, and 1 is the most (S. Holm, A
    simple sequentially rejective multiple test procedure, 1979).
    """
    adjusted = np.full(p.shape, np.nan)
    there = np.flatnonzero(~np.isnan(p))
    order = there[np.argsort(p[there], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted
