"""A file of cards: one card, or a family: models that share most of their fields, under one roof.

    family: multilingual-e5            # the first key: a file that begins otherwise is not read for its names
    kind: dense                        # every field beside `models` goes for all
    models:
      multilingual-e5-small: {weights: {hub: intfloat/multilingual-e5-small}, parameters: 118000000}
      multilingual-e5-base: ..

A model's own field takes the place of the family's; the two are not mixed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.cards import found_as, read_yaml
from bench.errors import BenchError, InputError, MissingError


def card_names(path: Path) -> list[str]:
    """The names of the cards in a file: its own, or those of a family; its own too for one that cannot be read."""
    try:
        return list(_members(path, str(path))) if _is_family(path) else [path.stem]
    except BenchError:
        return [path.stem]


def card_fields(path: Path, name: str, where: str) -> tuple[dict[str, Any], str]:
    """The fields of one card of a file, and what errors call its place; `where` is the file's name for errors."""
    if not path.exists():
        raise MissingError(f"{where}: the card has disappeared")
    if not _is_family(path):
        fields = read_yaml(path)
        _expect_name(fields, "name", path, where)
        return fields, where
    shared = {key: value for key, value in _family(path).items() if key not in ("family", "models")}
    own = _members(path, where).get(name)
    if not isinstance(own, dict | None):
        raise InputError(f"{where}: models.{name}: expected a table of keys, found {found_as(own)}")
    return shared | {"name": name} | (own or {}), f"{where}: {name}"


def _is_family(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            first = next((line for line in file if line.strip() and not line.startswith(("#", "---"))), "")
    except (OSError, UnicodeDecodeError):
        return False  # Whoever reads the card will say what is wrong with the file.
    return first.startswith("family:")


def _members(path: Path, where: str) -> dict[str, Any]:
    value = _family(path)
    _expect_name(value, "family", path, where)
    members = value.get("models")
    if not isinstance(members, dict) or not members:
        raise InputError(f"{where}: models: expected a table from names to fields, found {found_as(members)}")
    if "name" in value:
        raise InputError(f"{where}: name: a family has none; each of its models is a key under models")
    return {str(name): fields for name, fields in members.items()}


def _family(path: Path) -> dict[str, Any]:
    """What the file of a family holds, read once for all its members as long as it is not written to."""
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _read(path: Path, changed: int, size: int) -> dict[str, Any]:
    return read_yaml(path)


def _expect_name(value: dict[str, Any], key: str, path: Path, where: str) -> None:
    if value.get(key, path.stem) != path.stem:
        raise InputError(f"{where}: {key}: expected {path.stem!r}, the name of the file, found {value[key]!r}")
