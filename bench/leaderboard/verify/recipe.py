"""What can be wrong with a recipe: fields that nobody knows, times that cannot be, revisions that can move."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.leaderboard.verify.faults import Finding
from bench.leaderboard.verify.tree import short, walked

_NEEDED: dict[str, type] = {key: dict for key in ("data", "languages", "options", "seconds", "vectors", "versions")} | {
    "k": int,
    "date": str,
    "expected_flags": list,
}
"""What a recipe must hold, whatever the system."""

RECIPE_FIELDS = {*_NEEDED, "document_text", "kept", "index", "seed", "encoders", "weights", "lexical", "stages"}
RECIPE_FIELDS |= {"peak_memory_mb", "index_bytes", "latency_ms", "hardware", "tokenizer", "run", "engine"}
RECIPE_FIELDS |= {"compact", "approximate", "distances"}
"""What a recipe may hold."""

HARDWARE_FIELDS = {"processor", "cores", "memory_gb", "system"}
"""What a recipe may say of a machine: nothing that names it."""

_MOVING = {None, "", "main", "master", "latest", "HEAD", "head", "trunk"}
_CLOCKS = timedelta(days=1)
"""How far the clocks of two machines may be apart."""


def recipe_shape(recipe: Mapping[str, Any]) -> Iterator[Finding]:
    """What is missing, or of another kind than it should be."""
    for key, kind in _NEEDED.items():
        if not isinstance(recipe.get(key), kind) or isinstance(recipe[key], bool):
            yield "shape", f"recipe.{key}: found {short(recipe.get(key))}"
    if not isinstance(recipe.get("kept", 0), int):
        yield "shape", f"recipe.kept: found {short(recipe['kept'])}"


def recipe_findings(recipe: Mapping[str, Any]) -> Iterator[Finding]:
    """Fields that nobody knows, and times and sizes that cannot be."""
    for key in recipe:
        if key not in RECIPE_FIELDS:
            yield "unknown field", f"recipe.{key}"
    for key in dict(recipe.get("hardware") or {}).keys() - HARDWARE_FIELDS:
        yield "unknown field", f"recipe.hardware.{key}"
    if not _is_past(recipe["date"]):
        yield "range", f"recipe.date: expected a time in UTC that has been, found {short(recipe['date'])}"
    for key in ("seconds", "peak_memory_mb", "vectors"):
        for name, value in dict(recipe.get(key) or {}).items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
                yield "range", f"recipe.{key}.{name}: expected a number from 0, found {short(value)}"


def _is_past(text: str) -> bool:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) <= datetime.now(UTC) + _CLOCKS
    except ValueError:
        return False


def unresolved(value: Mapping[str, Any]) -> Iterator[Finding]:
    """Revisions that can move, hub revisions that are no commit, and systems that do not say what they are."""

    def moving(at: str, key: str, found: Any, around: Mapping[str, Any]) -> Iterator[Finding]:
        if key == "revision" and (found in _MOVING if isinstance(found, str | None) else True):
            yield "revision", f"{at}: {short(found)} is no fixed revision"
        elif key == "revision" and "hub" in around and not re.fullmatch(r"[0-9a-f]{40}", str(found)):
            yield "revision", f"{at}: {short(found)} is no commit of the hub (40 hex digits)"
        elif key == "fingerprint" and found is None and "own" in around:
            yield "revision", f"{at}: the system does not say what it is"

    yield from walked(value["identity"], "identity", moving)
    for subset, block in value["languages"].items():
        yield from walked(block["recipe"], f"{subset}: recipe", moving)
