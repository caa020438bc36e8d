"""Options that several verbs share; a verb takes those it uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)

cards = click.option("--cards", type=FOLDER, envvar="BENCH_CARDS", metavar="DIR", help="Your own tasks/ and models/.")
data = click.option("--data", type=FOLDER, envvar="BENCH_DATA", metavar="DIR", help="Local copies of the benchmarks.")
board = click.option(
    "--board", type=FOLDER, envvar="BENCH_BOARD", default=Path("leaderboards"), metavar="DIR", show_default=True,
    help="The leaderboard folder.",
)  # fmt: skip
cache = click.option("--cache", type=FOLDER, envvar="BENCH_CACHE", metavar="DIR", help="Vectors, downloads, results.")
offline = click.option("--offline", is_flag=True, help="Connect to no other host.")
quiet = click.option("--quiet", is_flag=True, help="No progress and no notes; warnings stay.")
as_json = click.option("--json", "as_json", is_flag=True, help="Strict JSON on stdout, values unrounded.")


def combined(*options: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator of several options, listed in this order by --help."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
