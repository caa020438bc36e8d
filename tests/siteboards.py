"""Boards for the tests of the site: a small one of every kind, one of many systems, and one of hostile texts."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from boards import store

from bench.entry import Entry
from bench.files import dump_json
from bench.leaderboard import read_entry
from bench.leaderboard.audit.printed import Figure
from bench.leaderboard.imported.importing import COLUMNS, FOLDER, HEADINGS
from bench.leaderboard.imported.models import Model, write_models
from bench.leaderboard.imported.table import write_table
from bench.leaderboard.releases import make_release

BOARD = Path(__file__).parents[1] / "leaderboards"
FOUR = ("bm25", "muse-small", "me5-small-q4", "rrf-bm25-me5-small-q4---*")
REVISION = "0123456789abcdef0123456789abcdef01234567"
EVIL = (
    "</script><script>window.owned=1</script><img src=x onerror=window.owned=1>\"'><b onclick=window.owned=1>"
    "{{7*7}} $x$ `touch /tmp/owned` ../../owned %2e%2e/ &amp; \u202eabc\u2066 \u0645\u0631\u062d\u0628\u0627"
)
LINK = "javascript:window.owned=1//http://x"


def small(board: Path) -> Path:
    """Measured, imported and reported numbers, findings of the audit, a release and an entry that is newer."""
    measured(board)
    (board / "reported").mkdir()
    for name in ("mrtydi-readme.csv", "pyserini-2cr-mrtydi.csv"):
        shutil.copy(BOARD / "reported" / name, board / "reported")
    (board / "mini" / "muse-small.json").rename(board / "kept.json")
    make_release(board, "2026.1")
    (board / "kept.json").rename(board / "mini" / "muse-small.json")
    many(board, systems=16, subsets=8)
    return board


def measured(board: Path) -> Path:
    """Four systems on mini and mini-x and one on xquad, whatever the board of this repository has come to hold."""
    for task, stems in (("mini", FOUR), ("mini-x", FOUR), ("xquad", FOUR[:1])):
        (board / task).mkdir(parents=True)
        for stem in stems:
            for file in (BOARD / task).glob(f"{stem}.*"):
                shutil.copy(file, board / task)
        shutil.copy(BOARD / task / "questions.parquet", board / task)
    return board


def many(board: Path, systems: int, subsets: int, name: str = "Wide") -> Path:
    """A board that imports one task with so many systems; values are drawn, the same ones every time."""
    draw = np.random.default_rng(0)
    codes = [f"l{i:02}" for i in range(subsets)]
    models = [f"org{i % 7}/model-{i:04}" for i in range(systems)]
    skill = draw.uniform(0.2, 0.8, systems)
    main = np.clip(skill[:, None] + draw.normal(0, 0.05, (systems, subsets)), 0, 1).round(5).ravel()
    scores = np.full((systems * subsets, len(COLUMNS)), np.nan)
    for at, column in enumerate(COLUMNS):
        if at == 0 or column in ("nDCG@10", "R@100", "MRR@10"):
            scores[:, at] = main if column != "R@100" else np.sqrt(main).round(5)
    rows = [(model, REVISION, "test", code, "2.0.0", REVISION) for model in models for code in codes]
    described = {
        (model, REVISION): Model(
            model,
            REVISION,
            parameters=int(10 ** draw.uniform(7, 10)),
            dimension=384,
            licence=["mit", "apache-2.0"][i % 2],
        )
        for i, model in enumerate(models)
    }
    return imported(board, name, rows, scores, codes, described)


def imported(board: Path, name: str, rows: Any, scores: Any, codes: list[str], described: Any) -> Path:
    """Write one imported task with its models and index."""
    folder = board / FOLDER
    folder.mkdir(parents=True)
    headings = dict(zip(HEADINGS, zip(*rows, strict=True), strict=True))
    sha256 = write_table(folder / f"{name}.parquet", headings, COLUMNS, scores)
    line = {"task": f"mteb:{name}", "file": f"{name}.parquet", "sha256": sha256, "models": len(described)}
    line |= {"results": len(described), "rows": len(rows), "main_measure": "nDCG@10", "splits": {"test": codes}}
    line |= {"languages": {}, "dropped": []}
    index = {"format": 1, "source": "embeddings-benchmark/results", "licence": "CC0-1.0", "commit": None}
    models = {"file": "models.parquet", "sha256": write_models(folder / "models.parquet", described)}
    (folder / "index.json").write_text(dump_json(index | {"models": models, "tasks": {name: line}}), encoding="utf-8")
    return board


def hostile(board: Path) -> Path:
    """Every text of entries, printed rows and imported models is markup, a script, or an address that runs one."""
    scores = {EVIL: {f"{EVIL}{i}": i / 9 for i in range(10)}, "en": {f"{EVIL}{i}": 1 - i / 9 for i in range(10)}}
    for model in (EVIL, f"{EVIL} 2", "plain"):
        path = store(board, model, scores, task=f"t{EVIL[:60]}", bare=False, note=EVIL, system={"weights": EVIL})
        _poison(path)
        scores = {code: dict(zip(row, reversed(list(row.values())), strict=True)) for code, row in scores.items()}
    (board / "reported").mkdir()
    with (board / "reported" / "evil.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Figure._fields)
        texts = (EVIL, EVIL, EVIL, LINK, EVIL, "", EVIL, "mini", "test")
        for language, value in (("en", "0.5"), (EVIL, "0.25"), ("avg", "0.9")):
            writer.writerow([*texts, language, "nDCG@10", "nDCG@10", value])
    codes = ["en", EVIL]
    scores_of = np.full((2, len(COLUMNS)), 0.5)
    rows = [(EVIL, REVISION, "test", code, EVIL, EVIL) for code in codes]
    described = {
        (EVIL, REVISION): Model(EVIL, REVISION, parameters=10**8, licence=EVIL, reference=LINK, framework=[EVIL])
    }
    return imported(board, "Evil", rows, scores_of, codes, described)


def _poison(path: Path) -> None:
    """Put the hostile text wherever a block of an entry holds a text that nothing is computed from."""
    entry = read_entry(path)
    blocks = {}
    for code, block in entry.languages.items():
        flag = {"check": "not above random", "language": code, "seen": EVIL, "limit": 0.5, "expected": False}
        recipe = block["recipe"] | {
            "hardware": {"processor": EVIL, "cores": 2, "memory_gb": 1.0, "system": EVIL},
            "versions": {EVIL: EVIL},
            "document_text": EVIL,
            "date": EVIL,
            "data": {"source": EVIL, "revision": EVIL, "url": LINK},
            "encoders": [{side: _side() for side in ("query", "document")}],
        }
        blocks[code] = block | {"note": EVIL, "flags": [flag], "recipe": recipe}
    changed = Entry(entry.identity, entry.bare, entry.measures, entry.subsets, blocks)
    path.write_text(dump_json(changed.as_dict()), encoding="utf-8")


def _side() -> dict[str, Any]:
    recipe = {"adapter": EVIL, "prompt": EVIL, "weights": {"hub": EVIL, "url": LINK}, "side": "query", "version": 1}
    made = {"device": EVIL, "hardware": EVIL}
    return {"recipe": recipe, "rendered": EVIL, "truncated": 0.1, "unknown_tokens": None, "tokens": 9, "seconds": 1.0,
            "environments": [made]}  # fmt: skip
