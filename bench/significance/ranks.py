"""Who can be told from whom: groups of systems, and the ranks that each may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.significance.holm import holm
from bench.significance.panel import Floats


class Ranking(NamedTuple):
    """Systems by falling mean, as indices; per system in that order its rank interval; groups as positions in it."""

    order: tuple[int, ...]
    ranks: tuple[tuple[int, int], ...]
    groups: tuple[tuple[int, ...], ...]


def ranking(means: Floats, p: Floats, level: float = 0.05) -> Ranking:
    """The ranking by means that `p`, the (systems, systems) p-values of all pairs, supports after Holm's correction.

    The best rank that a system may have is one more than the number of systems that are significantly better, the worst
    one likewise: at the level, the true ranks of all systems lie within (M. Mogstad et al., Inference for ranks, 2024).
    Systems with a NaN mean take no part.
    """
    there = np.flatnonzero(~np.isnan(means))
    order = there[np.argsort(-means[there], kind="stable")]
    apart = told_apart(p[np.ix_(order, order)], level)
    better = np.triu(apart)  # In this order the column's system is the lower one.
    above, below = better.sum(axis=0), better.sum(axis=1)
    ranks = [(1 + int(a), len(order) - int(b)) for a, b in zip(above, below, strict=True)]
    return Ranking(tuple(map(int, order)), tuple(ranks), tuple(_groups(apart)))


def told_apart(p: Floats, level: float) -> NDArray[np.bool_]:
    """(systems, systems): whether a pair differs significantly, all pairs being one family of tests."""
    upper = np.triu_indices(len(p), 1)
    apart = np.zeros(p.shape, np.bool_)
    apart[upper] = holm(p[upper]) <= level
    result: NDArray[np.bool_] = apart | apart.T
    return result


def _groups(apart: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """Groups of positions so that two share one exactly where they are not told apart; best members first.

    Nearly always they are runs of neighbours; others hold pairs with someone between them who is told apart.
    """
    groups = _runs(apart)
    open_pairs = ~apart
    for group in groups:
        open_pairs[np.ix_(group, group)] = False
    for a, b in np.argwhere(np.triu(open_pairs, 1)):
        if open_pairs[a, b]:
            group = tuple(_grown([int(a), int(b)], apart))
            open_pairs[np.ix_(group, group)] = False
            groups.append(group)
    return sorted(group for group in groups if not any(set(group) < set(other) for other in groups))


def _runs(apart: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The longest runs of neighbours of which no two are told apart."""
    runs: list[tuple[int, ...]] = []
    for start in range(len(apart)):
        end = start + 1
        while end < len(apart) and not apart[start:end, end].any():
            end += 1
        if not runs or end > runs[-1][-1] + 1:
            runs.append(tuple(range(start, end)))
    return runs


def _grown(group: list[int], apart: NDArray[np.bool_]) -> list[int]:
    """A group with everyone else who is told apart from none of it, in the order of the means."""
    for other in range(len(apart)):
        if other not in group and not apart[group, other].any():
            group.append(other)
    return sorted(group)


def letters(groups: Sequence[Sequence[int]], systems: int) -> list[str]:
    """The groups of each system as letters, `a` for the best group: those that share one cannot be told apart."""
    names: list[list[str]] = [[] for _ in range(systems)]
    for number, group in enumerate(groups):
        for place in group:
            names[place].append(_letter(number))
    return [" ".join(own) for own in names]


def _letter(number: int) -> str:
    """Letters from a to z, then aa, ab, as columns of a spreadsheet are named."""
    name = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        name = chr(ord("a") + digit) + name
    return name
