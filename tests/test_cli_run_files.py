"""`bench run`: the files that it leaves."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from cliruns import passages, ranks_of_the_answer, small_task, strict, trec, written
from console import call


def test_no_board_writes_runs_and_scores_alone(run: Any, tmp_path: Path) -> None:
    (result,) = strict(run("--lang", "en", "--no-board", "--json").out)
    assert result["entry"] is None
    assert not (tmp_path / "board").exists()
    left = ("en.trec.gz", "entry.json", "questions.parquet", "scores.parquet")
    assert written(tmp_path / "output") == [f"mini/bm25/{name}" for name in left]


def test_results_go_below_the_cache_unless_a_folder_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["run", "--model", "bm25", "--task", "mini", "--lang", "en", "--cache", tmp_path, "--no-board"]
    assert call(capsys, *arguments).code == 0
    assert (tmp_path / "results" / "mini" / "bm25" / "en.trec.gz").is_file()


def test_what_a_run_leaves(run: Any, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    (result,) = strict(run("--lang", "en,ar", "--json").out)
    folder = tmp_path / "output" / "mini" / "bm25"
    assert sorted(path.name for path in folder.iterdir()) == [
        "ar.trec.gz",
        "en.trec.gz",
        "entry.json",
        "questions.parquet",
        "scores.parquet",
    ]
    data = (folder / "en.trec.gz").read_bytes()
    assert data[4:8] == bytes(4), "gzip time"
    assert data[3] == 0, "no file name in the gzip header"
    table = trec(folder / "en.trec.gz")
    assert all(len(row) == 6 for row in table)
    for query in {row[0] for row in table}:
        own = [row for row in table if row[0] == query]
        assert [int(row[3]) for row in own] == list(range(1, len(own) + 1))
        keys = [(float(row[4]), row[2].encode()) for row in own]
        assert keys == sorted(keys, reverse=True)
    assert {row[1] for row in table} == {"Q0"}
    assert {row[5] for row in table} == {"bm25"}
    assert all(f"{float(row[4]):.9g}" == row[4] for row in table)
    assert max(len(re.sub(r"e.*|[^0-9]", "", row[4]).lstrip("0")) for row in table) in (8, 9)
    scores = pq.read_table(folder / "scores.parquet")
    assert scores.column_names == ["query", "language", "measure", "value", "slice"]
    assert scores.num_rows == 2 * 72 * 3
    assert pq.ParquetFile(folder / "scores.parquet").metadata.row_group(0).column(0).compression == "ZSTD"
    entry = strict((folder / "entry.json").read_text(encoding="utf-8"))
    assert (entry["format"], entry["id"], entry["mean"]) == (1, result["identity"], result["mean"])
    board = {path.name: path.read_bytes() for path in (tmp_path / "board" / "mini").iterdir()}
    assert board == {
        "bm25.json": (folder / "entry.json").read_bytes(),
        "bm25.parquet": (folder / "scores.parquet").read_bytes(),
        "questions.parquet": (folder / "questions.parquet").read_bytes(),
    }


def test_blanks_and_percent_signs_in_ids_are_encoded(run: Any, tmp_path: Path) -> None:
    folder = small_task(tmp_path / "small")
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        text = (folder / name).read_text().replace("d1", "d 1").replace("q1", "q%1")
        (folder / name).write_text(text)
    (result,) = strict(run("--json", task=f"path:{folder}").out)
    assert result["mean"]["nDCG@10"] == 1.0
    table = trec(tmp_path / "output" / "path-small" / "bm25" / "und.trec.gz")
    assert [row[:3] for row in table] == [["q%251", "Q0", "d%201"], ["q2", "Q0", "d2"]]


def test_a_second_run_leaves_the_same_bytes(run: Any, tmp_path: Path) -> None:
    run("--lang", "en")
    before = {name: (tmp_path / "output" / name).read_bytes() for name in written(tmp_path / "output")}
    shutil.rmtree(tmp_path / "output")
    run("--lang", "en")
    after = {name: (tmp_path / "output" / name).read_bytes() for name in written(tmp_path / "output")}
    assert set(before) == set(after)
    assert {n: after[n] for n in after if "entry" not in n} == {n: before[n] for n in before if "entry" not in n}


def test_the_environment_names_folders_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_BOARD", str(tmp_path / "b"))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "c"))
    assert call(capsys, "run", "--model", "bm25", "--task", "mini", "--lang", "en").code == 0
    assert written(tmp_path / "b") == ["mini/bm25.json", "mini/bm25.parquet", "mini/questions.parquet"]
    assert (tmp_path / "c" / "results" / "mini" / "bm25" / "entry.json").is_file()


def test_the_per_query_scores_read_as_a_table(run: Any, tmp_path: Path) -> None:
    import pandas as pd

    run("--lang", "en")
    table = pd.read_parquet(tmp_path / "board" / "mini" / "bm25.parquet")
    ranks = ranks_of_the_answer(tmp_path / "output" / "mini" / "bm25" / "en.trec.gz", "en")
    ids = [f"{row['id']}-{i}" for row in passages("en") for i in (1, 2, 3)]
    wanted = {q: 1 / math.log2(r + 1) if r <= 10 else 0.0 for q, r in zip(ids, ranks, strict=True)}
    own = table[table.measure == "nDCG@10"].set_index("query").value.to_dict()
    assert own == pytest.approx(wanted, abs=1e-12)
    keys = list(zip(table.language, table.measure, table["query"], strict=True))
    assert keys == sorted(keys)
