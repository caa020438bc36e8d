"""Paired randomisation tests: were two systems equal, swapping their scores on any unit would change nothing.

The statistic is the difference of means. Under the swaps each unit's difference keeps its size and takes a random sign
(R. A. Fisher, The design of experiments, 1935); the p-value is the share of sign patterns with a difference at least as
large. With few units that differ all patterns are counted; else they are drawn, and (hits + 1) / (draws + 1) is a valid
p-value (B. Phipson and G. Smyth, Permutation p-values should never be zero, 2010). What is smaller than draws can show
is bounded from above by exp(-z^2 / 2) a side (W. Hoeffding, 1963): so hundreds of comparisons can be corrected for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.significance.panel import Floats, Panel

FLIPS = 10_000
_EXACT = 13  # 2 ** 13 patterns are fewer than the draws.
_SIGNS_AT_ONCE = 1 << 23
# Patterns whose sums differ by rounding alone are equal.
_ROUNDING = {"float64": 1e-10, "float32": 1e-5}

Alternative = Literal["two-sided", "less"]
Array = NDArray[np.float64]


class PairTest(NamedTuple):
    """The p-values of one pair of systems: (languages,), and that of the macro mean."""

    languages: NDArray[np.float64]
    macro: float


def paired_test(
    panel: Panel, first: int, second: int, alternative: Alternative = "two-sided", flips: int = FLIPS, seed: int = 0
) -> PairTest:
    """Test the second system of a panel against the first; `less` asks whether it is worse."""
    columns = [_difference(panel, i, first, second) for i in range(len(panel.languages))]
    if panel.shared:
        together = np.stack([*columns, np.mean(columns, axis=0)], axis=1)
        p = _tested(together, alternative, flips, np.random.default_rng(seed))
        return PairTest(p[:-1], float(p[-1]))
    parts = [
        _tested(column[:, None], alternative, flips, _generator(seed, language.code))[0]
        for column, language in zip(columns, panel.languages, strict=True)
    ]
    every = np.concatenate(columns) / len(columns)
    macro = _tested(every[:, None], alternative, flips, np.random.default_rng(seed))
    return PairTest(np.array(parts), float(macro[0]))


def all_pairs(panel: Panel, flips: int, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """(systems, systems) two-sided p-values for each language, and last for the macro mean; NaN where not measured.

    One draw of signs serves all pairs: the signed sum of a difference is the difference of two signed sums.
    """
    systems, count = len(panel.systems), len(panel.languages)
    signs = _signs(panel.languages[0].size, flips, np.random.default_rng(seed)) if panel.shared else None
    macro = np.zeros((flips, systems), np.float32)
    squares, together = np.zeros((systems, systems)), np.zeros((1, 1), np.float32)
    for language in panel.languages:
        drawn = signs if signs is not None else _signs(language.size, flips, _generator(seed, language.code))
        # What a query has in all systems cancels in every difference: without it the sums are small.
        totals = language.totals(_middle(language.scores)) / np.float32(len(language.units))
        flipped = drawn @ totals.T
        own = _squares(totals)
        yield _pairwise(flipped, language.means, own)
        macro += flipped / np.float32(count)
        if panel.shared:
            together = together + totals / np.float32(count)
        else:
            squares += own / count**2
    yield _pairwise(macro, panel.macro, _squares(together) if panel.shared else squares)


def _middle(scores: Floats) -> Floats:
    """The mean of each query over the systems that were measured."""
    there = ~np.isnan(scores[:, 0])
    middle: Floats = scores[there].mean(axis=0, keepdims=True)
    return middle


def _difference(panel: Panel, language: int, first: int, second: int) -> NDArray[np.float64]:
    """(units,): what each unit adds to the difference of the two means."""
    rows = panel.languages[language]
    pair = rows.scores[[first, second]].astype(np.float64)
    totals = np.bincount(rows.units, weights=pair[1] - pair[0], minlength=rows.size)
    return totals / len(rows.units)


def _tested(differences: NDArray[np.float64], alternative: Alternative, flips: int, rng: np.random.Generator) -> Array:
    """The p-value of each column of (units, columns)."""
    columns = differences.shape[1]
    moving = differences[np.any(differences != 0, axis=1)]
    counted = np.count_nonzero(differences, axis=0)
    hits = np.zeros(columns)
    observed = differences.sum(axis=0)
    rounding = _ROUNDING["float64"] * np.abs(differences).sum(axis=0)
    if np.any(counted > _EXACT):
        block = max(1, _SIGNS_AT_ONCE // max(1, len(moving)))
        for start in range(0, flips, block):
            flipped = _signs(len(moving), min(block, flips - start), rng).astype(np.float64) @ moving
            hits += _extreme(flipped, observed, rounding, alternative)
    p = np.minimum((hits + 1) / (flips + 1), hoeffding(observed, (differences**2).sum(axis=0), alternative))
    for column in np.flatnonzero(counted <= _EXACT):
        own = differences[:, column][differences[:, column] != 0]
        flipped = _patterns(len(own)) @ own[:, None]
        exact = _extreme(flipped, observed[[column]], rounding[[column]], alternative)
        p[column] = exact[0] / len(flipped)
    return p


def _extreme(flipped: Array, observed: Array, rounding: Array, alternative: Alternative) -> NDArray[np.int64]:
    """How many rows of each column are at least as extreme as what was observed."""
    less = flipped <= observed + rounding
    count: NDArray[np.int64] = (less if alternative == "less" else np.abs(flipped) >= np.abs(observed) - rounding).sum(
        0
    )
    return count


def hoeffding(observed: Array, squares: Array, alternative: Alternative) -> Array:
    """A bound that the exact p-value never exceeds, from the sum of the units' squared differences."""
    z = np.divide(observed, np.sqrt(squares), out=np.zeros_like(observed), where=squares > 0)
    one_sided = alternative == "less"
    side = np.exp(-np.square(np.minimum(z, 0.0) if one_sided else z) / 2)
    bound: Array = side if one_sided else np.minimum(1.0, 2 * side)
    return bound


def _pairwise(flipped: Floats, means: Array, squares: Array) -> NDArray[np.float64]:
    """Two-sided p-values of all pairs from (flips, systems) signed sums; `squares` as `_squares` has them."""
    systems = len(means)
    p = np.ones((systems, systems))
    for i in range(systems - 1):
        observed = np.abs(means[i + 1 :] - means[i])
        rounding = _ROUNDING["float32"] * np.sqrt(squares[i, i + 1 :])
        hits = (np.abs(flipped[:, i + 1 :] - flipped[:, [i]]) >= (observed - rounding).astype(np.float32)).sum(axis=0)
        drawn = (hits + 1) / (len(flipped) + 1)
        p[i, i + 1 :] = np.minimum(drawn, hoeffding(observed, squares[i, i + 1 :], "two-sided"))
    missing = np.isnan(means)
    p[missing, :] = p[:, missing] = np.nan
    both: Array = np.triu(p) + np.triu(p, 1).T
    return both


def _squares(totals: Floats) -> NDArray[np.float64]:
    """(systems, systems): the sum over units of the squared difference of each pair."""
    products = totals.astype(np.float64) @ totals.astype(np.float64).T
    own = np.diag(products)
    squares: Array = np.maximum(own[:, None] + own[None, :] - 2 * products, 0.0)
    return squares


def _signs(units: int, flips: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(flips, units) of -1 and 1: random bytes, each looked up as eight signs."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    table = np.where(bits, np.float32(1), np.float32(-1))
    drawn = rng.integers(0, 256, size=(flips, -(-units // 8)), dtype=np.uint8)
    return table[drawn].reshape(flips, -1)[:, :units]


def _patterns(units: int) -> NDArray[np.float64]:
    """All patterns of signs, one a row."""
    return np.where((np.arange(2**units)[:, None] >> np.arange(units)) & 1, -1.0, 1.0)


def _generator(seed: int, code: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(code.encode())])
