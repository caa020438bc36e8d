"""A panel: per-query scores of several systems on the same queries, language by language, with the drawing units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Design:
    """What is drawn as one: `parallel` ties the languages of a question, `cluster` is a pattern of query ids.

    Queries whose ids begin with the same match of `cluster` are one unit; an id that it does not match is its own.
    """

    parallel: bool = False
    cluster: str | None = None

    @property
    def unit(self) -> str:
        """The unit in words."""
        what = "cluster" if self.cluster else "question"
        return f"{what}, all languages together" if self.parallel else what

    def names(self, queries: Sequence[str]) -> list[str]:
        """The unit of each query."""
        if self.cluster is None:
            return list(queries)
        pattern = re.compile(self.cluster)
        return [found[0] if (found := pattern.match(query)) else query for query in queries]


class Sheet(NamedTuple):
    """The scores of one language: (systems, queries), columns in the order of `queries`; NaN rows were not measured."""

    queries: tuple[str, ...]
    scores: Floats


@dataclass(frozen=True)
class Language:
    """One language of a panel; `units` has the number of each query's unit, of `size` units in all."""

    code: str
    queries: tuple[str, ...]
    scores: Floats
    units: NDArray[np.int64]
    size: int

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """The mean of each system over the queries."""
        means: NDArray[np.float64] = self.scores.mean(axis=1, dtype=np.float64)
        return means

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The queries of each unit; 0 where a unit has none in this language."""
        return np.bincount(self.units, minlength=self.size)

    def totals(self, centre: Floats) -> Floats:
        """(systems, units): the sum over a unit's queries of the scores less `centre`, which broadcasts to them.

        In the precision of the scores: centred numbers are small, and their sums stay exact enough.
        """
        values = self.scores - centre.astype(self.scores.dtype)
        if self.size == len(self.units) and np.array_equal(self.units, np.arange(self.size)):
            return values
        order = np.argsort(self.units, kind="stable")
        numbers, starts = np.unique(self.units[order], return_index=True)
        totals = np.zeros((len(values), self.size), values.dtype)
        totals[:, numbers] = np.add.reduceat(values[:, order], starts, axis=1)
        return totals


@dataclass(frozen=True)
class Panel:
    """Systems by languages; in a `shared` panel a unit's number means the same unit in every language."""

    systems: tuple[str, ...]
    languages: tuple[Language, ...]
    shared: bool
    unit: str

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """(languages, systems)."""
        return np.stack([language.means for language in self.languages])

    @cached_property
    def macro(self) -> NDArray[np.float64]:
        """The unweighted mean over the languages, of each system; NaN where one was not measured."""
        macro: NDArray[np.float64] = self.means.mean(axis=0)
        return macro

    def complete(self) -> Panel:
        """The languages in which every system was measured."""
        whole = [language for language in self.languages if not np.isnan(language.means).any()]
        return replace(self, languages=tuple(whole))


def panel(systems: Sequence[str], sheets: Mapping[str, Sheet], design: Design) -> Panel:
    """The panel of some sheets by language code. Units are numbered in the order of their names."""
    names = {code: design.names(sheet.queries) for code, sheet in sheets.items()}
    shared = sorted({name for column in names.values() for name in column}) if design.parallel else None
    languages = []
    for code, sheet in sheets.items():
        known = shared if shared is not None else sorted(set(names[code]))
        number = {name: i for i, name in enumerate(known)}
        units = np.fromiter((number[name] for name in names[code]), np.int64, len(names[code]))
        languages.append(Language(code, sheet.queries, sheet.scores, units, len(known)))
    return Panel(tuple(systems), tuple(languages), design.parallel, design.unit)
