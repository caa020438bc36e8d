"""Copies of mteb's results for tests: a result file of our own, put where a copy has it, and what is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.leaderboard.imported import imported_results
from bench.leaderboard.imported.importing import import_mteb
from bench.leaderboard.imported.mteb_results import KEYS

REVISION = "0123456789abcdef0123456789abcdef01234567"
SCORES = {key: 0.5 for key in KEYS} | {"main_score": 0.25, "ndcg_at_10": 0.25}


def result_file(subsets: dict[str, Any], task: str = "XQuADRetrieval", **more: Any) -> dict[str, Any]:
    rows = [{"hf_subset": name, "languages": ["eng-Latn"], **scores} for name, scores in subsets.items()]
    value = {"dataset_revision": "d", "task_name": task, "mteb_version": "2.0.0", "scores": {"validation": rows}}
    return value | more


def put(
    copy: Path, value: Any, model: str = "org__model", revision: str = REVISION, task: str = "XQuADRetrieval"
) -> None:
    path = copy / "results" / model / revision / f"{task}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def imported(copy: Path, board: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The results by model, and the warnings."""
    warnings: list[str] = []
    import_mteb(copy, board, warn=warnings.append)
    return {r["model"]: r for r in imported_results(board)}, warnings
