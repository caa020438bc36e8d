"""Two systems side by side: per-language difference, interval, paired test, wins, ties and losses, what moved most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bench.significance.bootstrap import intervals
from bench.significance.holm import holm
from bench.significance.panel import Floats, Language, Panel
from bench.significance.randomisation import paired_test

_EQUAL = 1e-9  # Scores closer than this tie: the same ranking scored by another version.


class Moved(NamedTuple):
    """One query whose score changed."""

    query: str
    first: float
    second: float


class Line(NamedTuple):
    """One language, or the macro mean: `difference` is the second system less the first.

    `interval` holds the difference in 95 of 100 cases; `p` is two-sided, `adjusted` after Holm's correction over the
    languages. Wins are queries on which the second is better.
    """

    language: str | None
    first: float
    second: float
    interval: tuple[float, float]
    p: float
    adjusted: float
    wins: int
    ties: int
    losses: int
    moved: tuple[Moved, ...]

    @property
    def difference(self) -> float:
        return self.second - self.first


class Comparison(NamedTuple):
    """The languages that both have, and their macro mean, whose test stands alone."""

    languages: tuple[Line, ...]
    mean: Line
    unit: str


def compare(panel: Panel, moved: int = 5, seed: int = 0) -> Comparison:
    """Compare the second system of a panel of two with the first; both were measured in all its languages."""
    apart = replace(panel, systems=("difference",), languages=tuple(map(_difference, panel.languages)))
    ends = intervals(apart, seed=seed)
    tests = paired_test(panel, 0, 1, seed=seed)
    adjusted = holm(tests.languages)
    lines = []
    for i, language in enumerate(panel.languages):
        change = language.scores[1] - language.scores[0]
        lines.append(
            Line(
                language.code,
                float(language.means[0]),
                float(language.means[1]),
                interval=(float(ends.languages.low[i, 0]), float(ends.languages.high[i, 0])),
                p=float(tests.languages[i]),
                adjusted=float(adjusted[i]),
                wins=int((change > _EQUAL).sum()),
                ties=int((np.abs(change) <= _EQUAL).sum()),
                losses=int((change < -_EQUAL).sum()),
                moved=_moved(language.queries, *language.scores.astype(float), most=moved),
            )
        )
    mean = Line(
        None,
        float(panel.macro[0]),
        float(panel.macro[1]),
        interval=(float(ends.macro.low[0]), float(ends.macro.high[0])),
        p=tests.macro,
        adjusted=tests.macro,
        wins=sum(line.wins for line in lines),
        ties=sum(line.ties for line in lines),
        losses=sum(line.losses for line in lines),
        moved=(),
    )
    return Comparison(tuple(lines), mean, panel.unit)


def _difference(language: Language) -> Language:
    return replace(language, scores=language.scores[1:2] - language.scores[0:1])


def _moved(queries: Sequence[str], first: Floats, second: Floats, *, most: int) -> tuple[Moved, ...]:
    """The queries that moved most, the largest change first, in the order of their ids among equals."""
    size = np.abs(second - first)
    order = sorted(np.flatnonzero(size > _EQUAL).tolist(), key=lambda i: (-size[i], queries[i]))
    return tuple(Moved(queries[i], float(first[i]), float(second[i])) for i in order[:most])
