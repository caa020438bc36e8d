"""What the verbs of a board know of tasks: cards and, where they lie, judgments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.judgments import Judgments
from bench.places import Places, default_cache
from bench.registry import Registry


def registry_of(given: Mapping[str, Any]) -> Registry:
    """The cards, with the user's own of `--cards`."""
    return Registry(given["cards"])


def places_of(given: Mapping[str, Any]) -> Places:
    """Where data may come from."""
    return Places(given["data"], given.get("cache") or default_cache(), bool(given.get("offline")))


def known_of(given: Mapping[str, Any], *, judged: bool) -> Judgments:
    """Cards, and judgments where `judged` asks for them."""
    return Judgments(registry_of(given), places_of(given), judged=judged)
