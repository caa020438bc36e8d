"""The recipe of an entry for readers: what all languages share, what differs, prompts as sent, hardware, dates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.entry import Entry

Flat = dict[str, str]
"""Places inside a recipe, such as `encoders.0.query.prompt`, and values as text."""


class Recipe(NamedTuple):
    """`shared` goes for every language, `differing` has a row a language under `keys`; values are text."""

    shared: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    differing: tuple[tuple[str, tuple[str, ...]], ...]


class Prompt(NamedTuple):
    """What stands before the texts of one side, as sent, with an example; shares are the highest of a language."""

    side: str
    adapter: str
    text: str | None
    example: str | None
    truncated: str
    unknown: str


def recipe_of(entry: Entry) -> Recipe:
    """The whole recipe of an entry; seconds and memory are told apart by language like everything else."""
    flats = {code: flat(block["recipe"]) for code, block in entry.languages.items()}
    keys = list(dict.fromkeys(key for row in flats.values() for key in row))
    same = [key for key in keys if len({row.get(key) for row in flats.values()}) == 1]
    others = tuple(key for key in keys if key not in set(same))
    first = next(iter(flats.values()), {})
    rows = tuple((code, tuple(row.get(key, "") for key in others)) for code, row in flats.items())
    return Recipe(tuple((key, first[key]) for key in same), others, rows)


def flat(value: Any, at: str = "") -> Flat:
    """A tree of JSON as places and values; lists of plain values are one value."""
    found: Flat = {}
    if isinstance(value, Mapping):
        items: list[tuple[str, Any]] = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        items = [(str(i), inner) for i, inner in enumerate(value)]
    else:
        return {at: plain(value)}
    if not items:
        return {at: "none"} if at else {}
    for key, inner in items:
        found |= flat(inner, f"{at}.{key}" if at else key)
    return found


def plain(value: Any) -> str:
    """A value as text: words as they are where no blank or sign could be missed, else in quotes."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(inner) for inner in value) or "none"
    if isinstance(value, str):
        return value if value and value == value.strip() and value.isprintable() else quoted(value)
    return str(value)


def quoted(text: str) -> str:
    """A text in quotes, with signs that cannot be seen written out."""
    shown = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in shown)


def prompts_of(entry: Entry) -> list[Prompt]:
    """The prompts of an entry's encoders, each once."""
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for block in entry.languages.values():
        for encoder in block["recipe"].get("encoders") or ():
            for side, said in encoder.items():
                recipe = said.get("recipe") or {}
                key = (str(side), str(recipe.get("adapter")), json.dumps([recipe.get("prompt"), said.get("rendered")]))
                found.setdefault(key, []).append(said)
    return [_prompt(side, adapter, rows) for (side, adapter, _), rows in found.items()]


def _prompt(side: str, adapter: str, rows: Sequence[Mapping[str, Any]]) -> Prompt:
    text, example = (rows[0].get("recipe") or {}).get("prompt"), rows[0].get("rendered")
    return Prompt(
        side,
        adapter,
        quoted(text) if isinstance(text, str) else None,
        quoted(example) if isinstance(example, str) else None,
        _highest(row.get("truncated") for row in rows),
        _highest(row.get("unknown_tokens") for row in rows),
    )


def _highest(shares: Any) -> str:
    known = [share for share in shares if isinstance(share, int | float)]
    return f"{max(known):.2%}" if known else "not known"


_HARDWARE = {"cores": "{} cores", "memory_gb": "{} GB of memory"}


def hardware_of(entry: Entry) -> list[str]:
    """What the languages of an entry ran on, each machine once."""
    machines = [block["recipe"].get("hardware") for block in entry.languages.values()]
    return list(dict.fromkeys(_machine(machine) for machine in machines if isinstance(machine, Mapping)))


def _machine(machine: Mapping[str, Any]) -> str:
    """A machine in words; what stands for itself goes without its key."""
    parts = []
    for key, value in machine.items():
        known = "{}" if key in ("processor", "system") else f"{key.replace('_', ' ')} {{}}"
        parts.append(_HARDWARE.get(key, known).format(plain(value)))
    return ", ".join(parts)


def dates_of(entry: Entry) -> str:
    """The days on which an entry was measured."""
    days = sorted({str(block["recipe"].get("date") or "")[:10] for block in entry.languages.values()} - {""})
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "not known"


def pairs_of(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Places and values of a tree, for a list."""
    yield from flat(value).items()
