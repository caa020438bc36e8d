"""The beginning of a text, for where not all of it has a place."""

from __future__ import annotations

_WORD = 20  # A longer run without a blank is cut inside: it is not one word.


def excerpt(text: str, length: int, more: str = " ..") -> str:
    """The text, or where it is longer its first `length` characters up to a blank, and `more`."""
    if len(text) <= length:
        return text
    whole, _, broken = text[: length + 1].rpartition(" ")
    return f"{whole if whole and len(broken) < _WORD else text[:length]}{more}"
