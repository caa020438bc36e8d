"""What the audit of printed tables found, as a page shows it: the rows as printed, with what is odd marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.files import digest
from bench.leaderboard.audit import CHECKS
from bench.leaderboard.audit.printed import AVERAGE, Finding, PrintedRow
from bench.leaderboard.reported import audited_rows
from bench.site.data import SiteData
from bench.site.names import web_address
from bench.site.sheets import Sheet

_BESIDE = 3  # Rows that a finding compares with are shown; a group of rerankers needs no more.
_NO_CELLS = {"not first stage"}


class Line(NamedTuple):
    """One printed row: its name, and a (language, text, whether it is odd) for each cell."""

    name: str
    cells: tuple[tuple[str, str, bool], ...]


class Found(NamedTuple):
    """One finding: `anchor` is its id on the page; `lines` are the row and those that it is compared with."""

    anchor: str
    row: PrintedRow
    message: str
    address: str | None
    page: str | None
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


class Check(NamedTuple):
    """One check: what it looks for, and what it found."""

    name: str
    anchor: str
    reason: str
    found: tuple[Found, ...]


class Audit(NamedTuple):
    """All checks that found something, and how many rows were looked at."""

    checks: tuple[Check, ...]
    rows: int
    sheet: Sheet

    @property
    def total(self) -> int:
        return sum(len(check.found) for check in self.checks)


def audit_of(site: SiteData) -> Audit:
    """The audit of the numbers that a board reports."""
    rows, findings = audited_rows(site.board)
    checks = [
        Check(name, name.replace(" ", "-"), reason, tuple(_found(site, f) for f in findings if f.check == name))
        for name, reason in CHECKS.items()
    ]
    return Audit(tuple(check for check in checks if check.found), len(rows), _sheet(findings))


def _found(site: SiteData, finding: Finding) -> Found:
    row = finding.row
    rows = () if finding.check in _NO_CELLS else (row, *finding.others[:_BESIDE])
    columns = tuple(dict.fromkeys(code for one in rows for code in one.cells))
    averages = any(one.average for one in rows)
    odd = {*finding.languages, *([AVERAGE] if finding.check == "average" else [])}
    task = _task(site, row)
    return Found(
        f"{finding.check.replace(' ', '-')}-{digest([str(row), finding.message])[:8]}",
        row,
        finding.message,
        web_address(row.url),
        site.task_page(task) if task else None,
        (*columns, *((AVERAGE,) if averages else ())),
        tuple(_line(one, at, columns, averages, odd) for at, one in enumerate(rows)),
    )


def _task(site: SiteData, row: PrintedRow) -> str | None:
    """The task of the board where the row stands."""
    return next((task for task in (f"{row.task}@{row.split}", row.task) if task in site.by_task), None)


def _line(row: PrintedRow, at: int, columns: Sequence[str], averages: bool, odd: set[str]) -> Line:
    cells = [(code, str(row.cells[code]) if code in row.cells else "", code in odd) for code in columns]
    if averages:
        cells.append((AVERAGE, str(row.average) if row.average else "", at == 0 and AVERAGE in odd))
    return Line(
        f"{row.model}, {row.metric}" if at == 0 else f"{row.source}, {row.table}: {row.model}, {row.metric}",
        tuple(cells),
    )


def _sheet(findings: Sequence[Finding]) -> Sheet:
    """The findings as a table to download."""
    places = ("check", "source", "table", "task", "split", "measure", "model")
    rows = []
    for finding in findings:
        known = finding.as_dict()
        texts = [" ".join(known["languages"]) or None, known["seen"], known["limit"], known["message"]]
        rows.append([*(known[key] for key in places), *texts, "; ".join(known["others"]) or None])
    title = "What the audit of printed tables found"
    return Sheet("audit", title, (*places, "languages", "seen", "limit", "message", "others"), rows)
