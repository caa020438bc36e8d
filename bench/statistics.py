"""The statistics of a board: intervals, groups and ranks of the systems of one task, by the task's card."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.entry import Entry
from bench.errors import BenchError
from bench.leaderboard import entries
from bench.leaderboard.panels import Source, read_panel
from bench.leaderboard.standings import why_unranked
from bench.registry import Registry
from bench.significance.bootstrap import Interval, Intervals, intervals
from bench.significance.panel import Design, Panel
from bench.significance.randomisation import FLIPS, all_pairs
from bench.significance.ranks import Ranking, letters, ranking
from bench.summary import result_of

# Beyond so many systems the corrected level is below what draws can show: Hoeffding's bound decides, and few draws do.
MANY = 30
FEW_FLIPS = 2000

Systems = Sequence[tuple[Path, Entry]]
"""Entries with the path of their JSON file; the per-query scores lie beside it."""


def design_of(task: str, cards: Path | None = None) -> Design:
    """What the card of a task, `T` or `T@S`, says of drawing units; without a card each question is one."""
    if ":" in task:  # a folder or a library's own: there is no card, and nothing is loaded to find out
        return Design()
    try:
        card = Registry(cards).task(task.split("@", 1)[0])
    except BenchError:
        return Design()
    return Design(card.parallel, card.cluster)


def board_statistics(board: Path, task: str, measure: str, cards: Path | None = None, seed: int = 0) -> dict[str, Any]:
    """The statistics of the measured systems of a board on one task; samples are left out.

    A system that the standings do not rank (`unranked`: why) has intervals, and stands outside ranks and groups; one
    that is merely partial only outside those of the mean.
    """
    systems = [(path, entry) for path, entry in entries(board) if entry.identity["task"] == task]
    systems = [(path, entry) for path, entry in systems if measure in entry.measures and "sample" not in entry.identity]
    reasons = [why_unranked(result_of(entry) | {"kind": "measured"}, measure) for _, entry in systems]
    return {"task": task} | statistics(systems, measure, design_of(task, cards), reasons, seed)


def statistics(
    systems: Systems, measure: str, design: Design, unranked: Sequence[str | None] = (), seed: int = 0
) -> dict[str, Any]:
    """What per-query scores say of some systems on one task: strict JSON, systems in the order given.

    `mean` and `languages` of a system hold `value`, `interval`, and where it takes part in the ranking `ranks`, the
    best and the worst that it may have, and `groups`, letters that it shares with those it cannot be told from. The
    macro mean is that of systems with all languages alone; of a system measured on other data than most, a language is
    left out. The tests of all pairs are one family in each language, and one for the macro mean.
    """
    sources, notes = _same_data(systems, measure)
    unranked = unranked or [None] * len(systems)
    languages = list(dict.fromkeys(code for _, entry in systems for code in entry.subsets))
    table, differing = read_panel(sources, measure, languages, design)
    rows = [_blank(source.name, reason) for source, reason in zip(sources, unranked, strict=True)]
    found = {"measure": measure, "unit": design.unit, "seed": seed, "systems": rows, "notes": notes + differing}
    if not table.languages:
        return found
    ends = intervals(table, seed=seed)
    for i, (_, entry) in enumerate(systems):
        _fill(rows[i], table, ends, i, entry, measure)
    tests = all_pairs(table, FLIPS if len(systems) <= MANY else FEW_FLIPS, seed)
    for k, (language, p) in enumerate(zip((*table.languages, None), tests, strict=True)):
        means = table.macro if language is None else table.means[k]
        code = None if language is None else language.code
        out = [_outside(row, code, entry, measure) for row, (_, entry) in zip(rows, systems, strict=True)]
        _place(rows, code, ranking(np.where(out, np.nan, means), p))
    return found


def _outside(row: dict[str, Any], language: str | None, entry: Entry, measure: str) -> bool:
    """Whether a system takes no part in the ranking of a language, or of the mean."""
    reason = row["unranked"] or ""
    if language is None:
        return bool(reason) or row["mean"] is None
    saturated = measure in entry.languages.get(language, {}).get("saturated", ())
    return saturated or not (reason == "" or reason.startswith(("partial", "saturated")))


def _same_data(systems: Systems, measure: str) -> tuple[list[Source], list[str]]:
    """Each system with the languages in which its data are those of most systems."""
    seen: dict[str, Counter[str | None]] = {}
    for _, entry in systems:
        for code, block in entry.languages.items():
            seen.setdefault(code, Counter())[block.get("fingerprint")] += 1
    usual = {code: prints.most_common(1)[0][0] for code, prints in seen.items()}
    sources, notes = [], []
    for path, entry in systems:
        name = entry.identity["model"]
        alike = {code for code, block in entry.languages.items() if block.get("fingerprint") == usual[code]}
        other = [code for code in entry.languages if code not in alike]
        if other:
            notes.append(f"{name}: measured on other data in {', '.join(other)}: left out there")
        has = frozenset(code for code in alike if entry.languages[code].get(measure) is not None)
        sources.append(Source(name, path.with_suffix(".parquet"), has))
    return sources, notes


def _fill(row: dict[str, Any], table: Panel, ends: Intervals, i: int, entry: Entry, measure: str) -> None:
    """Values and intervals of one system; the values are the entry's, the panel's being rounded to single precision."""
    there = [k for k in range(len(table.languages)) if not np.isnan(table.means[k, i])]
    for k in there:
        code = table.languages[k].code
        row["languages"][code] = _cell(entry.languages[code][measure], ends.languages, (k, i))
    if len(there) == len(entry.subsets):
        row["mean"] = _cell(math.fsum(cell["value"] for cell in row["languages"].values()) / len(there), ends.macro, i)


def _blank(name: str, unranked: str | None) -> dict[str, Any]:
    return {"model": name, "unranked": unranked, "mean": None, "languages": {}}


def _cell(value: float, ends: Interval, at: Any) -> dict[str, Any]:
    return {"value": value, "interval": [float(ends.low[at]), float(ends.high[at])], "ranks": None, "groups": []}


def _place(rows: list[dict[str, Any]], language: str | None, placed: Ranking) -> None:
    """Write ranks and groups of one language, or of the mean, into the rows."""
    names = letters(placed.groups, len(placed.order))
    for system, ranks, groups in zip(placed.order, placed.ranks, names, strict=True):
        cell = rows[system]["mean"] if language is None else rows[system]["languages"][language]
        cell |= {"ranks": list(ranks), "groups": groups.split()}
