"""The options in brackets: known names, and values of the right type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.errors import InputError, unknown


def given(tree: object, options: Iterable[tuple[str, str]], known: Iterable[str], usage: str) -> dict[str, str]:
    """The options by name. InputError, with the usage, for one that there is not."""
    found, names = dict(options), tuple(known)
    strange = next((name for name in found if name not in names), None)
    if strange is not None:
        raise unknown("option", strange, names, f"{tree}: {usage}")
    return found


def whole(tree: object, options: Mapping[str, str], name: str, default: int) -> int:
    """A whole number from 1 on."""
    value = options.get(name)
    if value is None:
        return default
    if not value.isdigit() or int(value) < 1:
        raise InputError(f"{tree}: {name}: expected a whole number from 1 on, found {value!r}")
    return int(value)


def number(tree: object, options: Mapping[str, str], name: str, default: float | None) -> float | None:
    """A finite number, negative ones too."""
    value = options.get(name)
    if value is None:
        return default
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not abs(found) < float("inf"):
        raise InputError(f"{tree}: {name}: expected a number, found {value!r}")
    return found
