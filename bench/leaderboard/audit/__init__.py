"""Printed tables checked against themselves: what cannot be, or is hard to believe, in numbers of others.

Nothing is known here of any source: every check compares a row with its own cells, with the other rows, or with the
number of questions on the task's card. A finding is a reason to look, not a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.leaderboard.audit.consistency import Counted, averages, impossible_orders, impossible_values, out_of_range
from bench.leaderboard.audit.printed import Finding, PrintedRow
from bench.leaderboard.audit.profiles import disagreeing_measures, misplaced_cells
from bench.leaderboard.audit.repetition import differing_sources, repeats, rerankers

CHECKS = {
    "out of range": "a value outside [0, 1]",
    "average": "the printed average is not the mean of the row's cells, whichever way they were rounded",
    "impossible value": "a share of questions that no whole number of the task's questions gives",
    "impossible order": "a measure that grows with its cutoff is higher at the smaller one",
    "repeats": "most cells of another row of the source, or of another measure, stand here again",
    "sources differ": "two sources agree on most cells of a row, or name the same system, and differ on others",
    "order": "the row fits the other rows of its measure far better with its cells moved or in another order",
    "measures disagree": "a system's rows of two measures go together far less than other systems' rows do",
    "not first stage": "rows that name a reranker: they answer with another stage's documents",
}


def audit(rows: Sequence[PrintedRow], counted: Counted = lambda task, split, language: None) -> list[Finding]:
    """All findings, by check in the order of CHECKS, then by row. Pure: rows in, findings out."""
    return [
        *out_of_range(rows),
        *averages(rows),
        *impossible_values(rows, counted),
        *impossible_orders(rows),
        *repeats(rows),
        *differing_sources(rows),
        *misplaced_cells(rows),
        *disagreeing_measures(rows),
        *rerankers(rows),
    ]
