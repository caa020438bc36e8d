"""The status that travels with a number: who computed it, from what, and what stands against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.summary import unexplained

Status = dict[str, Any]


def status_of(result: Mapping[str, Any]) -> Status:
    """The status of a result's numbers; what does not apply is null.

    `search` is exact or approximate, `partial` is `n/of` where languages are missing, `flags` are those that nothing
    explains, `source` says where numbers come from that were not measured here.
    """
    origin = result.get("origin") or {}
    complete = result["mean"]["languages"] == result["mean"]["of"]
    where = [str(origin[key]) for key in ("source", "table", "url") if origin.get(key)]
    return {
        "kind": result["kind"],
        "search": None if result.get("index") is None else _search(result["index"]),
        "split": result["split"],
        "sample": result.get("sample"),
        "pins": result.get("pins"),
        "partial": None if complete else result["partial"],
        "flags": [f"{flag['check']} ({flag['language']})" for flag in unexplained(result)],
        "contamination": (result.get("contamination") or {}).get("state", "unknown"),
        "source": ", ".join(where) or None,
        "revision": origin.get("revision"),
        "identity": result.get("identity"),
        "release": result.get("release"),
    }


def _search(index: Any) -> str:
    return "exact" if index == "exact" else "approximate"


def status_line(result: Mapping[str, Any]) -> str:
    """The status in words, for one cell of a table."""
    status = status_of(result)
    sample = status["sample"]
    words = [
        status["kind"] + (f" ({status['source']})" if status["source"] else ""),
        f"split {status['split']}",
        status["search"],
        f"a sample of {sample['documents']} documents" if sample else None,
        f"pins {status['pins']}" if status["pins"] else None,
        f"partial {status['partial']}" if status["partial"] else None,
        f"flagged: {'; '.join(status['flags'])}" if status["flags"] else None,
        _TRAINED[status["contamination"]],
        f"release {status['release']}" if status["release"] else None,
    ]
    return ", ".join(word for word in words if word)


_TRAINED = {
    "declared": "trained on the task",
    "inherited": "made from a model trained on the task",
    "unknown": "training data not known",
    "no": "not trained on the task",
}
