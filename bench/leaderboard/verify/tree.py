"""Stored JSON as a tree: every value in it with its place, and a value in short for messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.leaderboard.verify.faults import Finding

Visit = Callable[[str, str, Any, Mapping[str, Any]], Iterator[Finding]]


def walked(value: Any, at: str, visit: Visit) -> Iterator[Finding]:
    """What `visit` finds at each (place, key, value, object around) of a tree."""
    if isinstance(value, dict):
        for key, inner in value.items():
            place = f"{at}.{key}" if at else str(key)
            yield from visit(place, str(key), inner, value)
            yield from walked(inner, place, visit)
    elif isinstance(value, list):
        for inner in value:
            if not isinstance(inner, dict | list):
                yield from visit(at, "", inner, {})
            yield from walked(inner, at, visit)


def short(value: Any) -> str:
    """A value as Python writes it, cut at 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
