"""Small boards from per-query scores, for what reads boards: each entry agrees with its scores unless told otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.entry import Entry
from bench.files import dump_json, write_whole
from bench.perquery import Row, write_rows

MEASURE = "nDCG@10"
Scores = Mapping[str, Sequence[float] | Mapping[str, float]]


def store(
    board: Path,
    model: str,
    scores: Scores,
    task: str = "t",
    subsets: Sequence[str] | None = None,
    bare: bool = True,
    fingerprint: str = "f",
    **identity: Any,
) -> Path:
    """Write an entry with one measure; a language's scores by query, or in the order of q000, q001, ..; its JSON file."""
    by_query = {
        code: dict(values) if isinstance(values, Mapping) else {f"q{i:03}": v for i, v in enumerate(values)}
        for code, values in scores.items()
    }
    blocks: dict[str, dict[str, Any]] = {}
    for code, values in by_query.items():
        counts = {"queries": len(values), "scored": len(values), "documents": 99, "judged": len(values)}
        rest = {"saturated": [], "unanswered": 0, "pins": "match", "fingerprint": fingerprint, "flags": []}
        recipe = {"seconds": {"index": 1.0, "search": 1.0}, "hardware": {"cpu": "x"}, "options": {"limit_docs": None}}
        recipe |= {"k": 10, "languages": {"query": code, "document": code}, "expected_flags": []}
        recipe |= {"vectors": {"encoded": 0, "reused": 0}, "encoders": []}
        blocks[code] = {MEASURE: math.fsum(values.values()) / len(values)} | counts | rest | {"recipe": recipe}
    stated = {"task": task, "split": "test", "model": model, "index": "exact"} | identity
    entry = Entry(stated, bare, (MEASURE,), tuple(subsets or by_query), blocks)
    path = board / entry.folder / f"{entry.stem}.json"
    write_whole(path, dump_json(entry.as_dict()).encode())
    rows = [Row(query, code, MEASURE, value) for code, values in by_query.items() for query, value in values.items()]
    write_rows(path.with_suffix(".parquet"), rows)
    return path
