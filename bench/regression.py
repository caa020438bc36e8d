"""The regression check: has a system become worse than it was? Values in, values out.

A drop fails where it is significant (paired, one-sided, corrected over all comparisons of the invocation), larger than
the least effect that matters, and larger than the noise floor: what the same system differs from itself by when only
its batches are cut in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bench.significance.holm import holm
from bench.significance.panel import Floats, Panel
from bench.significance.power import Seen, smallest_drop, spread_of
from bench.significance.randomisation import paired_test

BLIND = 0.05  # A smallest visible drop above this is no check worth the name.
MIN_EFFECT = 0.005
ALPHA = 0.05


class Pair(NamedTuple):
    """One system on one task, before and after: a panel of (baseline, candidate).

    `noise` is how far a re-run differed from the baseline at most, None where that was never measured.
    """

    task: str
    model: str
    measure: str
    panel: Panel
    noise: float | None


class Finding(NamedTuple):
    """One language of one pair. `p` is one-sided, `adjusted` after Holm's correction over all findings.

    `smallest` is the smallest drop that would have failed in four cases of five, None if none would.
    """

    task: str
    model: str
    measure: str
    language: str
    queries: int
    baseline: float
    candidate: float
    p: float
    adjusted: float
    noise: float | None
    smallest: float | None
    failed: bool

    @property
    def difference(self) -> float:
        return self.candidate - self.baseline

    @property
    def blind(self) -> bool:
        return self.smallest is None or self.smallest > BLIND


class Limits(NamedTuple):
    """What a drop must exceed."""

    min_effect: float = MIN_EFFECT
    alpha: float = ALPHA


def check(pairs: Sequence[Pair], limits: Limits | None = None, seed: int = 0) -> list[Finding]:
    """Every language of every pair, in their order. The correction is over all of them together."""
    limits = limits or Limits()
    p = [paired_test(pair.panel, 0, 1, "less", seed=seed).languages for pair in pairs]
    adjusted = holm(np.concatenate(p)) if p else np.zeros(0)
    level = limits.alpha / max(1, len(adjusted))
    findings: list[Finding] = []
    for pair, tests in zip(pairs, p, strict=True):
        for i, test in enumerate(tests):
            findings.append(_finding(pair, i, float(test), float(adjusted[len(findings)]), limits, level))
    return findings


def _finding(pair: Pair, i: int, p: float, adjusted: float, limits: Limits, level: float) -> Finding:
    language = pair.panel.languages[i]
    baseline, candidate = map(float, language.means)
    threshold = max(limits.min_effect, pair.noise or 0.0)
    change = language.scores[1] - language.scores[0]
    return Finding(
        pair.task,
        pair.model,
        pair.measure,
        language.code,
        len(language.queries),
        baseline,
        candidate,
        p,
        adjusted,
        pair.noise,
        smallest_drop(Seen(language.scores[0], _spread(pair.panel, i, change), level, threshold)),
        failed=adjusted <= limits.alpha and baseline - candidate > threshold,
    )


def _spread(panel: Panel, i: int, change: Floats) -> float:
    """The variance of the difference of the means of one language, by units."""
    language = panel.languages[i]
    sums = np.bincount(language.units, weights=change - change.mean(), minlength=language.size)
    return spread_of(sums[language.counts > 0] / len(change))


class Slower(NamedTuple):
    """The seconds of one system on one task, before and after, over the languages that both have."""

    task: str
    model: str
    baseline: float
    candidate: float

    @property
    def ratio(self) -> float:
        return self.candidate / self.baseline


def too_slow(times: Iterable[Slower], limit: float) -> list[Slower]:
    """Those whose time has grown by more than the ratio."""
    return [row for row in times if row.baseline > 0 and row.ratio > limit]
