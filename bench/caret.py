"""A mistake in a line of text, shown with a caret under its place."""

from __future__ import annotations

import unicodedata


def pointed(message: str, text: str, at: int) -> str:
    """The message, the text below it, and a caret under the character at a position."""
    shown = "".join(" " if c.isspace() else c for c in text)
    return f"{message}\n  {shown}\n  {' ' * _columns(shown[:at])}^"


def _columns(text: str) -> int:
    """The columns that a text takes on a terminal: two for a wide character, none for a combining mark."""
    seen = [c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf")]
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in seen)
