"""What a verb prints: strict JSON alone on stdout, tables for people, notes on stderr."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from bench.files import dump_json
from bench.formats.escapes import controls as escaped
from bench.formats.escapes import json_text
from bench.formats.escapes import one_line as plain

__all__ = ["console", "escaped", "note", "plain", "print_json", "say", "warn"]


def print_json(value: Any) -> None:
    """Strict JSON on stdout, and nothing else there; what a terminal would obey is escaped, which changes no value."""
    click.echo(json_text(dump_json(value)), nl=False)


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

    # NO_COLOR takes bold and dim away too: rich would keep them.
    colours: Any = None if os.environ.get("NO_COLOR") else "auto"
    width = None if sys.stdout.isatty() else 200
    return Console(width=width, color_system=colours, highlight=False, soft_wrap=False)
