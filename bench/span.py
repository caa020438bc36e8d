"""A figure with its range: what is expected, between a low and a high end."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple


class Span(NamedTuple):
    """Low and high are ends, not quantiles: who makes a span says of what."""

    low: float
    expected: float
    high: float

    def times(self, factor: float) -> Span:
        """The span of so much of it."""
        return Span(*(value * factor for value in self))

    def plus(self, other: Span) -> Span:
        """The span of both together, added end by end."""
        return Span(*(a + b for a, b in zip(self, other, strict=True)))

    def by(self, other: Span) -> Span:
        """The span of the product."""
        return Span(*(a * b for a, b in zip(self, other, strict=True)))

    @classmethod
    def of(cls, values: Sequence[float], mean: float | None = None) -> Span:
        """From the least to the largest of some values."""
        return cls(min(values), fmean(values) if mean is None else mean, max(values)) if values else cls(0, 0, 0)


ZERO = Span(0, 0, 0)
