"""What a verb prints: strict JSON alone on stdout, tables for people, notes on stderr."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from bench.files import dump_json


def print_json(value: Any) -> None:
    """Strict JSON on stdout, and nothing else there."""
    click.echo(dump_json(value), nl=False)


def note(message: str, *, quiet: bool = False) -> None:
    """A line on stderr that --quiet silences."""
    if not quiet:
        click.echo(message, err=True)


def warn(message: str) -> None:
    """A line on stderr that nothing silences."""
    say(f"warning: {message}", colour="yellow")


def say(message: str, *, colour: str) -> None:
    """A line on stderr, coloured where that is a terminal and NO_COLOR is not set."""
    click.secho(message, err=True, fg=colour, color=False if os.environ.get("NO_COLOR") else None)


def console() -> Any:
    """A rich console on stdout that keeps plain text plain: no colour without a terminal or with NO_COLOR.

    Without a terminal the width is generous, so that a table in a file or a pipe is not wrapped.
    """
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=False)
