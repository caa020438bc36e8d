"""How fast a measured system was: documents and queries a second, with the machine that it ran on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.entry import Entry

_AFTER = ("search", "rewrite", "feedback", "rerank")


class Speed(NamedTuple):
    """Documents encoded and indexed a second, queries answered a second, over all languages together."""

    documents: float
    queries: float
    machine: str


def speed_of(entry: Entry) -> Speed | None:
    """The speed of an entry, None where it is not known or its languages were measured on several machines.

    Encoding counts as it was when the vectors were made, for they may have been reused since.
    """
    blocks = list(entry.languages.values())
    try:
        machines = {_machine(block["recipe"]) for block in blocks}
        indexing = sum(_encoding(block, "document") + block["recipe"]["seconds"]["index"] for block in blocks)
        searching = sum(_encoding(block, "query") + _phases(block["recipe"]["seconds"], _AFTER) for block in blocks)
        documents, queries = (sum(block[key] for block in blocks) for key in ("documents", "queries"))
    except (AttributeError, KeyError, TypeError):  # A run of another system has no times.
        return None
    if len(machines) != 1 or min(indexing, searching) <= 0 or not documents or not queries:
        return None
    return Speed(documents / indexing, queries / searching, machines.pop())


def _encoding(block: Mapping[str, Any], side: str) -> float:
    encoders: Sequence[Mapping[str, Any]] = block["recipe"]["encoders"]
    return math.fsum(encoder[side]["seconds"] for encoder in encoders)


def _phases(seconds: Mapping[str, float], names: Sequence[str]) -> float:
    return sum(seconds.get(name, 0.0) for name in names)


def _machine(recipe: Mapping[str, Any]) -> str:
    """Processor and cores, and the device of the encoders where it is another."""
    hardware = recipe["hardware"]
    sides = [side for encoder in recipe["encoders"] for side in encoder.values()]
    devices = {str(made.get("device")) for side in sides for made in side.get("environments", ())} - {"cpu", "None"}
    return ", ".join([f"{hardware['processor']}, {hardware['cores']} cores", *sorted(devices)])
