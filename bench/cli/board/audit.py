"""`bench board audit`: printed tables checked against themselves."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import options
from bench.cli.output import note, print_json


@click.command()
@click.option("--strict", is_flag=True, help="Exit with 1 where anything is found.")
@options.combined(options.board, options.quiet, options.as_json)
def audit(board: Path, strict: bool, quiet: bool, as_json: bool) -> int:
    """Check printed tables against themselves: averages, repeated rows, moved cells, values that cannot be."""
    from bench.cli.sheet import print_gap, print_paragraph, print_title
    from bench.leaderboard.audit import CHECKS
    from bench.leaderboard.reported import audited
    from bench.leaderboard.reported.figures import check_folder, reported_rows

    check_folder(board)
    rows = reported_rows(board)
    findings = audited(rows)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    for check in () if as_json else dict.fromkeys(finding.check for finding in findings):
        print_title(check)
        print_paragraph(CHECKS[check])
        for finding in (finding for finding in findings if finding.check == check):
            print_paragraph(f"- {finding.row}: {finding.message}", indent=2)
        print_gap()
    note(f"{len(findings)} findings in {len(rows)} printed rows", quiet=quiet)
    return int(strict and bool(findings))
