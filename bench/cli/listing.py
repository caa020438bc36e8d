"""What the listings of tasks and of models share: the user's own cards are marked, and faults are told at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.cli.output import say
from bench.errors import BenchError
from bench.registry import Listed


def marked(row: Listed) -> str:
    """The name as a listing shows it."""
    return f"{row.name} (own)" if row.own else row.name


def broken(row: Listed) -> dict[str, Any]:
    """What stands in JSON in the place of a card that cannot be read."""
    if not isinstance(row.card, BenchError):
        raise TypeError(f"{row.name} is a card")
    return {"name": row.name, "own": row.own, "error": {"code": row.card.exit_code, "message": str(row.card)}}


def report(listed: Iterable[Listed]) -> int:
    """Say on stderr what is wrong with each broken card; the highest exit code, 0 where none is broken."""
    errors = [row.card for row in listed if isinstance(row.card, BenchError)]
    for error in errors:
        say(f"bench: {error}", colour="red")
    return max((error.exit_code for error in errors), default=0)
