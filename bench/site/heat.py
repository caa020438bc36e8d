"""Heat: the steps of colour that values have, by one scale for a whole table, so that columns can be compared too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

STEPS = 12


class Scale(NamedTuple):
    """From `low`, the first step, to `high`, the last one."""

    low: float
    high: float

    def step(self, value: float) -> int:
        """The step of a value, from 0 to STEPS - 1; what lies outside has the step at that end."""
        if self.high <= self.low:
            return STEPS // 2
        return min(STEPS - 1, max(0, int((value - self.low) / (self.high - self.low) * STEPS)))


def scale_of(values: Iterable[float]) -> Scale:
    """From the lowest third to the largest value: cells that do not work would take the colours from all others."""
    ordered = sorted(values)
    if not ordered:
        return Scale(0.0, 1.0)
    return Scale(round(ordered[len(ordered) // 3], 4), round(ordered[-1], 4))
