"""`bench board`: the leaderboard folder. One module a verb."""

from __future__ import annotations

import click

from bench.cli.family import Family

VERBS: dict[str, tuple[str, str]] = {
    "show": ("bench.cli.board.show:show", "Print the tables: languages across, partial results below a line."),
    "ranks": ("bench.cli.board.ranks:ranks", "How sure the order is: intervals, rank intervals, groups."),
    "add": ("bench.cli.board.add:add", "Add results that bench run left, or TREC runs of other systems."),
    "verify": ("bench.cli.board.verify:verify", "Recompute every number; exit 1 with what does not hold together."),
    "release": ("bench.cli.board.release:release", "Freeze the board under a version."),
    "diff": ("bench.cli.board.release:diff", "What is new, gone or changed between two releases."),
    "reported": ("bench.cli.board.reported:reported", "What papers and others report, beside what was measured."),
    "audit": ("bench.cli.board.audit:audit", "Check printed tables against themselves."),
    "import": ("bench.cli.board.importing:import_", "Take over numbers that others computed: mteb's results."),
    "export": ("bench.cli.board.export:export", "Write numbers, runs or submissions in the formats of others."),
    "upgrade": ("bench.cli.board.release:upgrade", "Write entries of older formats in the present one."),
}


@click.group(cls=Family, verbs=VERBS)
def board() -> None:
    """The leaderboard folder."""
