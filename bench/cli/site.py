"""`bench site`: the static site of a leaderboard folder."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli import options
from bench.cli.family import Family
from bench.cli.output import note

VERBS: dict[str, tuple[str, str]] = {
    "build": ("bench.cli.site:build", "Write the pages of a leaderboard folder."),
    "serve": ("bench.cli.site_serve:serve", "Look at them in a browser on this machine."),
}


@click.group(cls=Family, verbs=VERBS)
def site() -> None:
    """The static site of a leaderboard folder."""


@click.command()
@click.option(
    "--out", type=options.FOLDER, default=Path("build/site"), metavar="DIR", show_default=True, help="Where it goes."
)
@options.combined(options.board, options.cache, options.quiet)
def build(out: Path, board: Path, cache: Path | None, quiet: bool) -> None:
    """Write the site of a leaderboard folder; the same folder gives the same bytes. It opens from disk.

    What is computed from per-query scores is kept below the cache folder.
    """
    from bench.places import default_cache
    from bench.site.build import build as build_site

    built = build_site(board, out, cache=cache or default_cache())
    largest = f"largest page {built.largest.path}, {len(built.largest.content) / 1e6:.2f} MB"
    note(f"{built.files:,} files, {built.size / 1e6:.1f} MB, {largest}", quiet=quiet)
    click.echo(built.out / "index.html")
