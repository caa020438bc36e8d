"""What a paired test could have seen: the smallest drop that it finds in four of five cases.

The drop is thought of as queries that are lost altogether, score to nothing, on top of the differences that were seen:
with scores between 0 and 1 no other drop of that size spreads wider, so any other is seen at least as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

POWER = 0.8
_STEPS = 40  # Halvings of [0, 1].


class Seen(NamedTuple):
    """What the power of one comparison depends on.

    `baseline` has the scores of the queries, `spread` the variance of the difference of means about itself, `level`
    the one-sided level of the test after correction, and `threshold` what a drop must exceed beside being significant.
    """

    baseline: NDArray[np.float64]
    spread: float
    level: float
    threshold: float


def spread_of(units: NDArray[np.float64]) -> float:
    """The variance of a difference of means, from what each unit adds to it (deviations of the scores summed)."""
    return float(np.square(units).sum()) * len(units) / max(len(units) - 1, 1)


def smallest_drop(seen: Seen, power: float = POWER) -> float | None:
    """The smallest drop found with that power, by the normal approximation; None if even the loss of all is not."""
    from scipy.special import ndtri

    count, mean = len(seen.baseline), float(seen.baseline.mean())
    if mean <= 0:
        return None
    loss = float(np.square(seen.baseline).mean()) / mean
    critical, reached = -ndtri(seen.level), ndtri(power)
    # Signs alone make k lost queries significant, and no k below this one.
    least = max(seen.threshold, -np.log2(seen.level) * loss / count)

    def found(drop: float) -> bool:
        """Whether the drop that is seen falls short of what is needed in one case of five at most."""
        visible = drop - reached * np.sqrt(seen.spread + max(drop * loss - drop * drop, 0.0) / count)
        # What is seen of the drop widens the distribution under the null hypothesis, too.
        return bool(visible >= least and visible >= critical * np.sqrt(seen.spread + visible * loss / count))

    low, high = 0.0, mean
    if not found(high):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
