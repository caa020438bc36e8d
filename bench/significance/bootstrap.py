"""Bootstrap intervals of means: units drawn again with replacement, the same draws for all systems of a panel.

A resampled mean is the weighted mean of the queries, each weighing as often as its unit was drawn; many systems at once
are one matrix product. Intervals are BCa (bias corrected and accelerated: B. Efron, Better bootstrap confidence
intervals, 1987): scores pile up at 0 and 1, and plain percentiles then miss on one side.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.significance.panel import Floats, Language, Panel

RESAMPLES = 2000
LEVEL = 0.95


class Interval(NamedTuple):
    """Lower and upper ends, an array each."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Intervals(NamedTuple):
    """Of each language's means and of the macro means: ends of shape (languages, systems) and (systems,)."""

    languages: Interval
    macro: Interval


def intervals(panel: Panel, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0) -> Intervals:
    """The intervals of every mean of a panel. A system that was not measured in a language has NaN there."""
    ends, skews = [], []
    macro = np.zeros((resamples, len(panel.systems)))
    together: Floats = np.zeros((1, 1))
    for language, drawn in zip(panel.languages, replicates(panel, resamples, seed), strict=True):
        pull = _influence(language)
        skews.append(_Skew.of(pull))
        ends.append(_bca(language.means, drawn, skews[-1].acceleration, level))
        macro += drawn / len(panel.languages)
        together = together + pull if panel.shared else together
    # The same units pull together in all languages; other units are samples of their own, whose moments add up.
    whole = _Skew.of(together) if panel.shared else _Skew.of_independent(skews)
    outer = _bca(panel.macro, macro, whole.acceleration, level)
    inner = Interval(np.stack([end.low for end in ends]), np.stack([end.high for end in ends]))
    return Intervals(inner, outer)


def replicates(panel: Panel, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Per language, (resamples, systems): how far each resampled mean lies from the mean.

    In a shared panel one draw serves all languages; else every language has its own, which depends on the seed and the
    language's code alone.
    """
    weights = _shared_draws(panel.languages[0].size, resamples, seed) if panel.shared else None
    for language in panel.languages:
        own = np.random.default_rng([seed, zlib.crc32(language.code.encode())])
        drawn = weights if weights is not None else draws(language.size, resamples, own)
        totals = language.totals(language.means[:, None])
        counts = drawn @ language.counts.astype(np.float32)
        # A draw without a single query of this language says nothing of it; it can only happen with a few units.
        yield (drawn @ totals.T).astype(np.float64) / np.maximum(counts, 1)[:, None]


@lru_cache(maxsize=1)
def _shared_draws(size: int, resamples: int, seed: int) -> NDArray[np.float32]:
    """Those of a shared panel: every measure and every pair of systems of one task asks for the same ones."""
    weights = draws(size, resamples, np.random.default_rng(seed))
    weights.flags.writeable = False
    return weights


def draws(size: int, resamples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(resamples, size): how often each of `size` units occurs among `size` draws with replacement."""
    weights = np.empty((resamples, size), np.float32)
    for row in weights:  # One by one: counting hops about in memory, and one row stays in the processor's cache.
        row[:] = np.bincount(rng.integers(0, size, size, dtype=np.int32), minlength=size)
    return weights


def _influence(language: Language) -> Floats:
    """(systems, units): the empirical influence of each unit on the mean, by the jackknife."""
    left = len(language.units) - language.counts
    totals = language.totals(language.means[:, None])
    scale = (language.size - 1) / language.size / np.maximum(left, 1)
    pull: Floats = totals * scale.astype(totals.dtype)
    pull -= pull.mean(axis=1, keepdims=True)
    return pull


class _Skew(NamedTuple):
    """The sums of the squares and of the cubes of influences, for each system."""

    squares: NDArray[np.float64]
    cubes: NDArray[np.float64]

    @classmethod
    def of(cls, influence: Floats) -> _Skew:
        square = influence * influence
        return cls(square.sum(axis=1, dtype=np.float64), (square * influence).sum(axis=1, dtype=np.float64))

    @classmethod
    def of_independent(cls, samples: Sequence[_Skew]) -> _Skew:
        return cls(sum((s.squares for s in samples), np.zeros(1)), sum((s.cubes for s in samples), np.zeros(1)))

    @property
    def acceleration(self) -> NDArray[np.float64]:
        """Efron's constant, a sixth of the skewness; 0 where nothing varies."""
        scale = 6 * np.power(self.squares, 1.5)
        constant: NDArray[np.float64] = np.divide(self.cubes, scale, out=np.zeros_like(scale), where=scale > 0)
        return constant


def _bca(means: Floats, drawn: NDArray[np.float64], acceleration: Floats, level: float) -> Interval:
    """The ends for each column of `drawn`, the resampled means less the mean."""
    from scipy.special import ndtr, ndtri

    below = ((drawn < 0).sum(axis=0) + (drawn <= 0).sum(axis=0)) / (2 * len(drawn))
    # Where all draws lie on one side, the correction would be infinite; half a draw is the least that can be told.
    bias = ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    ordered = np.sort(drawn.T, axis=1)  # A row a system, so that sorting reads what lies together.
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        moved = bias + ndtri(tail)
        share = ndtr(bias + moved / (1 - acceleration * moved))
        ends.append(means + _quantile(ordered, share))
    return Interval(*ends)


def _quantile(ordered: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quantile of each row at its own share, linear between neighbours as numpy has it."""
    last = ordered.shape[1] - 1
    place = np.nan_to_num(share) * last
    lower = np.floor(place).astype(np.int64)
    upper = np.minimum(lower + 1, last)
    rows = np.arange(len(ordered))
    low, high = ordered[rows, lower], ordered[rows, upper]
    found: NDArray[np.float64] = low + (high - low) * (place - lower)
    return found
