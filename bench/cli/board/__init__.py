"""`bench board`: the leaderboard folder. One module a verb."""

from __future__ import annotations

import click

from bench.cli.family import Family

VERBS: dict[str, tuple[str, str]] = {
    "show": ("bench.cli.board.show:show", "Print the tables: languages across, partial results below a line."),
}


@click.group(cls=Family, verbs=VERBS)
def board() -> None:
    """The leaderboard folder."""
