"""The columns of a task's table, and how a task with very many of them is split into parts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.site.data import Result, SiteData

MOST = 60
"""Columns of one page; a task with more has an index page with a mean for each part, and a page a part."""


@dataclass(frozen=True)
class Column:
    """One column: its code in links, what stands in its head, and the subsets whose mean it is (itself alone: one)."""

    code: str
    label: str
    title: str
    subsets: tuple[str, ...]
    page: str | None = None

    @property
    def is_mean(self) -> bool:
        return self.subsets != (self.code,)

    def value(self, result: Mapping[str, Any], measure: str) -> float | None:
        """The value of a result, or the mean over the column's subsets; None where one of them is missing."""
        rows = result["languages"]
        if len(self.subsets) == 1:
            row = rows.get(self.subsets[0])
            return row.get(measure) if row else None
        values: list[Any] = [rows[subset].get(measure) if subset in rows else None for subset in self.subsets]
        return None if None in values else math.fsum(values) / len(values)


@dataclass(frozen=True)
class Part:
    """Some subsets of a task that have a page of their own."""

    name: str
    file: str
    subsets: tuple[str, ...]


def subsets_of(site: SiteData, task: str) -> list[str]:
    """All subsets of a task: those of its card in the card's order, then what else there is, sorted."""
    return site.once(("subsets", task), lambda: _subsets_of(site, task, site.by_task[task]))


def _subsets_of(site: SiteData, task: str, results: Sequence[Result]) -> list[str]:
    card = site.task_card(task)
    split = task.partition("@")[2]
    known = card.subsets_of(split or card.split) if card else ()
    there = {code for result in results for code in (*result["languages"], *result["missing"])}
    return [*(code for code in known if code in there), *sorted(there - set(known))]


def plain_columns(subsets: Sequence[str]) -> list[Column]:
    """A column a subset."""
    return [Column(code, code, code, (code,)) for code in subsets]


def parts_of(subsets: Sequence[str]) -> list[Part]:
    """Parts of at most MOST subsets: pairs of one language, pairs with the language that most have, and the rest."""
    parts: list[Part] = []
    for name, codes in _groups(subsets).items():
        pages = math.ceil(len(codes) / MOST)
        size = math.ceil(len(codes) / pages)
        for i in range(pages):
            title = f"{name}, {i + 1} of {pages}" if pages > 1 else name
            parts.append(Part(title, str(len(parts) + 1), tuple(codes[i * size : (i + 1) * size])))
    return parts


def _groups(subsets: Sequence[str]) -> dict[str, list[str]]:
    pairs = {code: tuple(code.split("-")) for code in subsets}
    if any(len(pair) != 2 for pair in pairs.values()):
        return {"subsets": list(subsets)}
    mixed = Counter(side for pair in pairs.values() if pair[0] != pair[1] for side in pair)
    pivot = min(mixed, key=lambda side: (-mixed[side], side)) if mixed else None
    names = ("same language", f"to {pivot}", f"from {pivot}", "other pairs")
    groups: dict[str, list[str]] = {name: [] for name in names}
    for code, (query, document) in pairs.items():
        kind = 0 if query == document else 1 if document == pivot else 2 if query == pivot else 3
        groups[names[kind]].append(code)
    return {name: codes for name, codes in groups.items() if codes}
