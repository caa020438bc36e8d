"""What a verb prints: strict JSON alone on stdout, tables for people, notes on stderr."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import click

from bench.files import dump_json

# Beside the C0 controls, which JSON escapes anyway: DEL, the C1 controls, line separators, bidirectional embeddings,
# overrides and isolates, and lone surrogates, which no encoding can print.
_OBEYED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def print_json(value: Any) -> None:
    """Strict JSON on stdout, and nothing else there; what a terminal would obey is escaped, which changes no value."""
    click.echo(_OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", dump_json(value)), nl=False)


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


def plain(text: str) -> str:
    """A text from data, fit for a terminal: white space as single blanks, what a terminal would obey as an escape."""
    return escaped(re.sub(r"[ \t\r\n]+", " ", text))


def escaped(text: str) -> str:
    """The same with its blanks as they are; line breaks are escaped too."""
    return _OBEYED.sub(_escape, re.sub(r"[\x00-\x1f]", _escape, text))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def console() -> Any:
    """A rich console on stdout that keeps plain text plain: no colour without a terminal or with NO_COLOR.

    Without a terminal the width is generous, so that a table in a file or a pipe is not wrapped.
    """
    from rich.console import Console

    # NO_COLOR takes bold and dim away too: rich would keep them.
    colours: Any = None if os.environ.get("NO_COLOR") else "auto"
    width = None if sys.stdout.isatty() else 200
    return Console(width=width, color_system=colours, highlight=False, soft_wrap=False)
