"""Entries that grow value by value, for what reads a board and its releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.entry import Entry
from bench.leaderboard import EntryFiles, keep
from bench.perquery import Row

ORDER = ("nDCG@10",)
RECIPE = {
    "data": {"source": "made", "revision": "1"},
    "languages": {"query": "x", "document": "x"},
    "k": 100,
    "options": {"limit_docs": None},
    "seconds": {},
    "vectors": {"encoded": 0, "reused": 0},
    "versions": {"bench": "0.1.0"},
    "date": "2026-11-01T00:00:00Z",
    "expected_flags": [],
}


def blank(model: str = "m", **identity: Any) -> Entry:
    stated = {"task": "t", "split": "test", "data": "made@1", "model": model, "system": {"k": 1}}
    rest = {"document_text": "text", "drop_query_id": False, "index": "exact"}
    return Entry(stated | rest | identity, True, ORDER, ("aa", "bb"), {})


def put(board: Path, subset: str, values: list[float], new: Entry | None = None) -> Entry:
    new = new or blank()
    counts = {"queries": len(values), "scored": len(values), "documents": 99, "judged": len(values), "unanswered": 0}
    block = {"nDCG@10": sum(values) / len(values), **counts, "saturated": [], "pins": "match"}
    block |= {"fingerprint": "0" * 64, "flags": [], "recipe": RECIPE}
    rows = [Row(f"q{i}", subset, "nDCG@10", value) for i, value in enumerate(values)]
    return keep(EntryFiles.on_board(board, new), new, subset, block, rows, ORDER)
