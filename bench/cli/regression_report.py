"""A regression check as a table, JSON, JUnit, Markdown and annotations; names are plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from bench.cli.output import plain
from bench.cli.sheet import print_table
from bench.formats.github import annotation, disarmed
from bench.formats.junit import Case, Suite, junit_report
from bench.formats.markdown import markdown_table, plain_cell
from bench.leaderboard.pairing import Pairing
from bench.regression import Finding, Limits, Pair

_HEAD = ("language", "baseline", "candidate", "difference", "p", "smallest", "")
_RIGHT = _HEAD[1:-1]


def plain_line(text: str) -> str:
    """A line that neither a terminal nor a log takes for a command."""
    return disarmed(plain(text))


def verdict(finding: Finding) -> str:
    """One word on a finding."""
    return "dropped" if finding.failed else "blind" if finding.blind else "ok"


def sentence(finding: Finding) -> str:
    """A drop in words."""
    numbers = f"{finding.measure} {finding.baseline:.4f} -> {finding.candidate:.4f} ({finding.difference:+.4f})"
    return f"{finding.model} on {finding.task}, {finding.language}: {numbers}, p = {finding.adjusted:.2g} after Holm"


def print_findings(findings: Sequence[Finding], pairs: Sequence[Pair], *, quiet: bool) -> None:
    """A table a system; only what dropped with --quiet."""
    for pair in pairs:
        rows = [f for f in findings if (f.task, f.model) == (pair.task, pair.model) and (f.failed or not quiet)]
        if rows:
            noise = "" if pair.noise is None else f", noise floor {pair.noise:.4f}"
            click.echo(plain_line(f"{pair.model} on {pair.task}, {pair.measure}, by {pair.panel.unit}{noise}"))
            print_table(_HEAD, [[plain_line(cell) for cell in _cells(row)] for row in rows], right=_RIGHT)


def _cells(finding: Finding) -> list[str]:
    smallest = "-" if finding.smallest is None else f"{finding.smallest:.3f}"
    numbers = [f"{finding.baseline:.4f}", f"{finding.candidate:.4f}", f"{finding.difference:+.4f}"]
    return [finding.language, *numbers, f"{finding.adjusted:.2g}", smallest, verdict(finding)]


def as_object(
    found: Pairing, findings: Sequence[Finding], slow: Sequence[str], limits: Limits, code: int
) -> dict[str, Any]:
    """The check as JSON."""
    rows = [
        {key: value for key, value in finding._asdict().items() if key not in ("p", "adjusted")}
        | {"difference": finding.difference, "p": finding.p, "p_holm": finding.adjusted, "blind": finding.blind}
        for finding in findings
    ]
    times = [{"task": t.task, "model": t.model, "baseline": t.baseline, "candidate": t.candidate} for t in found.times]
    return {
        "code": code,
        "alpha": limits.alpha,
        "min_effect": limits.min_effect,
        "findings": rows,
        "seconds": times,
        "slow": list(slow),
        "problems": found.problems,
        "warnings": found.warnings,
        "notes": found.notes,
    }


def junit(found: Pairing, findings: Sequence[Finding], slow: Sequence[str], limits: Limits) -> bytes:
    """A suite a system, a case a language; what could not be checked is an error in a suite of its own."""
    suites = []
    for pair in found.pairs:
        rows = [finding for finding in findings if (finding.task, finding.model) == (pair.task, pair.model)]
        name = f"{pair.task}.{pair.model}"
        cases = [Case(name, row.language, sentence(row) if row.failed else None) for row in rows]
        seen = [f"{row.language}: {verdict(row)}, smallest drop seen {_cells(row)[5]}" for row in rows]
        suites.append(Suite(name, cases, "\n".join([f"{pair.measure}, alpha {limits.alpha:g}", *seen])))
    if slow:
        suites.append(Suite("speed", [Case("speed", text, failure=text) for text in slow]))
    problems = found.problems or ([] if findings else ["nothing was checked"])
    if problems:
        suites.append(Suite("not checked", [Case("not checked", text, error=text) for text in problems]))
    return junit_report("bench check", suites, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"))


def markdown(found: Pairing, findings: Sequence[Finding], slow: Sequence[str], conclusion: str) -> str:
    """The summary: the verdict, what stands in the way, a table a system."""
    parts = [f"### bench check\n\n{plain_cell(conclusion)}\n"]
    for title, lines in (("Not checked", found.problems), ("Slower", slow), ("Warnings", found.warnings)):
        if lines:
            parts.append(f"**{title}**\n\n" + "".join(f"- {plain_cell(line)}\n" for line in lines))
    for pair in found.pairs:
        rows = [_cells(f) for f in findings if (f.task, f.model) == (pair.task, pair.model)]
        title = f"**{plain_cell(f'{pair.model} on {pair.task}, {pair.measure}')}**"
        parts.append(f"{title}\n\n{markdown_table((*_HEAD[:-1], 'verdict'), rows, _RIGHT)}")
    parts.append("p: paired, one-sided, after Holm. smallest: the smallest drop found in four cases of five.\n")
    return "\n".join(parts) + "\n"


def github_lines(found: Pairing, failed: Sequence[Finding], slow: Sequence[str]) -> Iterator[str]:
    """Lines for the log of GitHub Actions: errors for drops and problems, warnings for the rest."""
    for finding in failed:
        yield annotation("error", f"bench check: {plain(finding.model)} dropped", plain(sentence(finding)))
    for text in slow:
        yield annotation("error", "bench check: slower", plain(text))
    for text in found.problems:
        yield annotation("error", "bench check: not checked", plain(text))
    for text in found.warnings:
        yield annotation("warning", "bench check", plain(text))
