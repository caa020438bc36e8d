"""Numbers of bytes as people write and read them: `2GB`, `500 MB`, `1.5GiB`."""

from __future__ import annotations

import re

from bench.errors import InputError

_UNITS = {"": 1, "b": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for ending, base in (("", 1000), ("b", 1000), ("ib", 1024))
}


def parse_size(text: str, where: str = "") -> int:
    """The bytes that a text such as `2GB`, `500 MB` or `1.5GiB` says; k, M, G and T are powers of 1000 without an i.

    InputError, which begins with `where`, for anything else and for nothing at all.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if match is None or match[2] not in _UNITS or not float(match[1]):
        raise InputError(f"{where + ': ' if where else ''}expected a size such as 2GB, 500MB or 1.5GiB, found {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def size(count: float) -> str:
    """A number of bytes in the unit that leaves it below 1000, with three digits: `163 GB`, `1.54 MB`, `12 B`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if value < 999.5 else f"{value:,.0f} {unit}"
