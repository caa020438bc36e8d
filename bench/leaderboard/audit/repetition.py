"""Cells that stand in two printed rows: copied by mistake, quoted by another source, or quoted and changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from bench.leaderboard.audit.printed import Finding, PrintedRow, average_fits
from bench.measure import Measure

# Two unrelated cells of three digits are equal about once in fifty times, so four of them by chance in one pair of rows
# among a hundred thousand; a coincidence of two or three happens in every long table.
_LEAST_EQUAL = 4
_REPEATED = 0.6  # Of the cells that two rows share.
_QUOTED = 0.5


def repeats(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Rows that repeat the cells of another row: of another system in one source, or of another measure or split.

    At least four cells and 60 % of those that both rows have; cells of 0 and 1 do not count. A row that another source
    quotes, or that the source prints twice, is no finding. Of two rows the one whose printed average does not fit is
    named, else the later one.
    """
    found: dict[int, list[tuple[PrintedRow, list[str], int]]] = {}
    for (i, a), (j, b) in combinations(enumerate(rows), 2):
        if a.task != b.task or not _should_differ(a, b):
            continue
        shared = [c for c in a.cells if c in b.cells and not a.cells[c].value == b.cells[c].value in (0, 1)]
        equal = [language for language in shared if a.cells[language].same(b.cells[language])]
        if len(equal) >= max(_LEAST_EQUAL, _REPEATED * len(shared)):
            fits = [row.average is None or average_fits(row, row.average) for row in (a, b)]
            subject, other = (i, b) if fits == [False, True] else (j, a)
            found.setdefault(subject, []).append((other, equal, len(shared)))
    for i in sorted(found):
        languages = {language for _, equal, _ in found[i] for language in equal}
        text = "; ".join(f"{len(equal)} of {of} cells as in {other}" for other, equal, of in found[i])
        seen = max(len(equal) / of for _, equal, of in found[i])
        in_order = tuple(language for language in rows[i].cells if language in languages)
        yield Finding("repeats", rows[i], seen, _REPEATED, text, in_order, tuple(other for other, _, _ in found[i]))


def _should_differ(a: PrintedRow, b: PrintedRow) -> bool:
    """Whether equal cells of two rows need an explanation."""
    if (a.measure, a.split) == (b.measure, b.split):
        return a.source == b.source and a.model != b.model
    return a.split != b.split or not _one_measure(Measure.parse(a.measure), Measure.parse(b.measure))


def _one_measure(a: Measure, b: Measure) -> bool:
    """Whether two measures are the same number by definition, at least where one document is relevant."""
    if a.cutoff == b.cutoff == 1:
        return True
    pairs = ({"R", "Success"}, {"AP", "MRR"}, {"AP", "RR"})
    return a.cutoff == b.cutoff and a.tokens == b.tokens and {a.base, b.base} in pairs


def differing_sources(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Rows of two sources that are one system's, by name or since half of their cells agree, and differ elsewhere.

    Cells agree that can be one value, rounded or cut to the digits of the coarser. Four must agree where nothing but
    the cells says that the rows are one system's.
    """
    for a, b in combinations(rows, 2):
        if a.source == b.source or (a.task, a.split, a.measure) != (b.task, b.split, b.measure):
            continue
        shared = [language for language in a.cells if language in b.cells]
        differ = [language for language in shared if not a.cells[language].same(b.cells[language])]
        agree = len(shared) - len(differ)
        one = (a.system and a.system == b.system) or (agree >= _LEAST_EQUAL and agree >= _QUOTED * len(shared))
        if one and differ:
            text = ", ".join(f"{c} {a.cells[c]} and {b.cells[c]}" for c in differ)
            message = f"{agree} of {len(shared)} cells agree with {b}, not: {text}"
            largest = max(abs(a.cells[c].value - b.cells[c].value) for c in differ)
            yield Finding("sources differ", a, largest, 0.0, message, tuple(differ), (b,))


def rerankers(rows: Sequence[PrintedRow]) -> Iterator[Finding]:
    """Rows whose own name says that they rerank, one finding a table."""
    tables: dict[tuple[str, ...], list[PrintedRow]] = {}
    for row in rows:
        tables.setdefault((row.source, row.table, row.task, row.split), []).append(row)
    for group in tables.values():
        named = [row for row in group if re.search(r"\bre-?rank", row.model, re.IGNORECASE)]
        if named:
            message = f"{len(named)} of {len(group)} rows rerank what another system retrieved, by their names"
            yield Finding("not first stage", named[0], len(named), 0.0, message, (), tuple(named[1:]))
