"""`bench run`: its JSON, its tables, notes and progress, and what a dry run says."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from cliruns import LANGUAGES, ranks_of_the_answer, small_task, strict, written
from console import on_terminal, rows

NUMBER = (int, float)

# The example of the contract: every key with its type. More keys may stand beside them.
CONTRACT: dict[str, Any] = {
    "format": int,
    "model": str,
    "task": str,
    "split": str,
    "measures": list,
    "main_measure": str,
    "complete": bool,
    "partial": str,
    "missing": list,
    "pins": str,
    "sample": (dict, type(None)),
    "languages": dict,
    "mean": dict,
    "k": int,
    "index": str,
    "identity": str,
    "flags": list,
    "notes": list,
    "seconds": dict,
    "vectors": dict,
    "entry": (str, type(None)),
}


def test_the_json_contract(run: Any, tmp_path: Path) -> None:
    outcome = run("--lang", ",".join(LANGUAGES), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    (result,) = strict(outcome.out)
    assert {key for key, kind in CONTRACT.items() if not isinstance(result.get(key, ...), kind)} == set()
    fixed = {
        "format": 1,
        "model": "bm25",
        "task": "mini",
        "split": "test",
        "measures": ["nDCG@10", "R@5", "R@100"],
        "main_measure": "nDCG@10",
        "complete": False,
        "partial": "3/18",
        "missing": ["bn", "de", "es", "fa", "fi", "fr", "hi", "id", "ja", "ko", "ru", "te", "th", "yo", "zh"],
        "pins": "match",
        "sample": None,
        "k": 100,
        "index": "exact",
        "flags": [],
        "vectors": {"encoded": 0, "reused": 0},
        "entry": str(tmp_path / "board" / "mini" / "bm25.json"),
    }
    assert {key: result[key] for key in fixed} == fixed
    assert re.fullmatch("[0-9a-f]{8}", result["identity"])
    assert list(result["languages"]) == list(LANGUAGES)
    for block in result["languages"].values():
        assert {k: block[k] for k in ("queries", "documents", "judged")} == {
            "queries": 72,
            "documents": 24,
            "judged": 72,
        }
        assert block["saturated"] == ["R@100"]
        assert all(re.fullmatch("[a-z_]+", key) for key in block if key not in result["measures"])
    assert {k: result["mean"][k] for k in ("languages", "of")} == {"languages": 3, "of": 18}
    assert {"encode_documents", "encode_queries", "search", "score"} <= set(result["seconds"])
    assert all(isinstance(value, NUMBER) and value >= 0 for value in result["seconds"].values())
    assert result["notes"] == ["R@100 says nothing where its cut is not below the pool: ar, en, sw"]


def test_the_values_are_those_of_the_run_by_hand_and_unrounded(run: Any, tmp_path: Path) -> None:
    (result,) = strict(run("--lang", ",".join(LANGUAGES), "--json").out)
    columns: dict[str, list[float]] = {"nDCG@10": [], "R@5": [], "R@100": []}
    for language in LANGUAGES:
        ranks = ranks_of_the_answer(tmp_path / "output" / "mini" / "bm25" / f"{language}.trec.gz", language)
        assert len(ranks) == 72
        wanted = {
            "nDCG@10": sum(1 / math.log2(rank + 1) for rank in ranks if rank <= 10) / 72,
            "R@5": sum(rank <= 5 for rank in ranks) / 72,
            "R@100": sum(rank <= 100 for rank in ranks) / 72,
        }
        assert {m: result["languages"][language][m] for m in wanted} == pytest.approx(wanted, abs=1e-12)
        for measure, value in wanted.items():
            columns[measure].append(value)
    means = {measure: sum(values) / 3 for measure, values in columns.items()}
    assert {m: result["mean"][m] for m in means} == pytest.approx(means, abs=1e-12)


def test_cross_lingual_tasks_say_which_languages_meet(run: Any) -> None:
    (result,) = strict(run("--lang", "de,sw", "--json", task="mini-x").out)
    assert result["subsets"] == {c: {"query": c, "document": "en"} for c in ("de", "sw")}
    assert result["partial"] == "2/17"


def test_without_judgments_every_value_is_null_with_a_reason(run: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr("bench.loaders.mini.Mini.qrels", lambda self: None)
    outcome = run("--lang", "en", "--allow-unpinned", "--json")
    assert outcome.code == 0
    (result,) = strict(outcome.out)
    assert [result["languages"]["en"][m] for m in result["measures"]] == [None] * 3
    assert [result["mean"][m] for m in result["measures"]] == [None] * 3
    assert "the split 'test' has no public judgments: the runs were written, nothing is scored" in result["notes"]
    assert result["entry"] is None
    assert written(tmp_path / "output") == ["mini/bm25/en.trec.gz"]
    assert not written(tmp_path / "board")
    table = run("--lang", "en", "--allow-unpinned")
    assert (table.code, rows(table.out)[1:3]) == (0, [["mean", "en"], ["bm25", "- 0/18", "-"]])


# Blanks at the ends of lines do not show, and are left out.
TABLE_80 = """\
mini, nDCG@10

              mean      ar      en      sw
 ─────────────────────────────────────────
 bm25   {mean} 3/18   {ar}   {en}   {sw}

n/m: the mean is over n of m languages; such results are not ranked
"""
TABLE_40 = """\
mini, nDCG@10

              mean      ar      en
 ─────────────────────────────────
 bm25   {mean} 3/18   {ar}   {en}


              mean      sw
 ─────────────────────────
 bm25   {mean} 3/18   {sw}

n/m: the mean is over n of m languages; such results are not ranked
"""


@pytest.mark.parametrize(("columns", "table"), [(80, TABLE_80), (40, TABLE_40)])
def test_the_table_on_a_terminal(tmp_path: Path, columns: int, table: str) -> None:
    folders = [f"--{name}={tmp_path / name}" for name in ("cache", "board", "output")]
    arguments = ["run", "--model", "bm25", "--task", "mini", "--lang", ",".join(LANGUAGES), "--measures", "nDCG@10"]
    shown = on_terminal(columns, *arguments, *folders, "--quiet", NO_COLOR="1")
    entry = json.loads((tmp_path / "board" / "mini" / "bm25.json").read_text(encoding="utf-8"))
    values = {code: f"{block['nDCG@10']:.3f}" for code, block in entry["languages"].items()}
    wanted = table.format(mean=f"{entry['mean']['nDCG@10']:.3f}", **values)
    assert [line.rstrip() for line in shown.splitlines()] == wanted.splitlines()
    assert max(map(len, shown.splitlines()[:-1])) <= columns  # the last line is prose, which a terminal wraps


def test_a_terminal_gets_bold_heads(tmp_path: Path) -> None:
    folders = [f"--{name}={tmp_path / name}" for name in ("cache", "board", "output")]
    arguments = ["run", "--model", "bm25", "--task", "mini", "--lang", "en", *folders]
    assert "\x1b[1mmini, nDCG@10\x1b[0m" in on_terminal(80, *arguments)


def test_tables_mark_the_best_and_put_partial_results_below_a_line(run: Any, tmp_path: Path) -> None:
    outcome = run("--lang", "en,sw", "--measures", "nDCG@10,R@100", model="bm25,rrf(bm25, bm25)")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out
    names = [line.split("  ")[0].strip() for line in outcome.out.splitlines()]
    assert names.count("bm25") == names.count("rrf(bm25, bm25)") == 2
    assert "*" not in outcome.out  # partial results are not ranked
    assert "mini, R@100" in names
    saturated = [row for row in rows(outcome.out) if row[0] == "bm25"][1]
    assert all(re.fullmatch(r"\(0\.\d{3}\)|\(1\.000\)", cell) for cell in saturated[2:])
    assert "(.) the cut is not below the number of documents: the cell says nothing" in outcome.out


def test_notes_go_to_stderr_and_quiet_silences_them(run: Any, tmp_path: Path) -> None:
    loud, silent = run("--lang", "en"), run("--lang", "en", "--quiet")
    assert re.fullmatch(rf"bm25 on mini: data mini@1, \d+\.\d s, entry {tmp_path}/board/mini/bm25\.json\n", loud.err)
    assert silent == (0, loud.out, "")


def test_progress_goes_to_stderr_alone(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "for_progress.py").write_text("import numpy\ndef model(texts):\n    return numpy.eye(len(texts), 24)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.cli.progress._EVERY_S", 0.0)
    outcome = run("--lang", "en", model="python:for_progress:model")
    assert "python:for_progress:model on mini: en: 24/24 documents" in outcome.err
    assert "documents," not in outcome.out
    assert "24/24" not in run("--lang", "en", "--quiet", model="python:for_progress:model").err
    assert run("--lang", "en", "--json", model="python:for_progress:model").err == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_a_dry_run_writes_nothing_at_all(run: Any, tmp_path: Path, as_json: bool) -> None:
    outcome = run("--lang", "en,sw", "--dry-run", *(["--json"] if as_json else []), model="bm25,rrf(bm25, bm25)")
    assert (outcome.code, outcome.err) == (0, "")
    assert list(tmp_path.iterdir()) == []
    if as_json:
        results = strict(outcome.out)
        assert [r["model"] for r in results] == ["bm25", "rrf(bm25, bm25)"]
        assert results[0]["entry"] == f"{tmp_path}/board/mini/bm25.json"
        assert (results[0]["languages"], results[0]["k"]) == (["en", "sw"], 100)
    else:
        assert f"  results: {tmp_path}/output/mini/bm25\n  entry: {tmp_path}/board/mini/bm25.json\n" in outcome.out


def test_a_dry_run_looks_for_the_files_and_fetches_none(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a dry run connected to a host"))
    (tmp_path / "data").mkdir()
    outcome = run("--lang", "en", "--dry-run", "--data", tmp_path / "data", task="xquad")
    assert outcome.code == 3
    assert f"xquad, en: no xquad/xquad.en.json or xquad/xquad.en.json.gz under {tmp_path / 'data'}" in outcome.err
    assert written(tmp_path) == []


def test_a_dry_run_says_where_the_run_will_put_things(run: Any) -> None:
    (planned,) = strict(run("--lang", "en", "--dry-run", "--json").out)
    (result,) = strict(run("--lang", "en", "--json").out)
    assert {k: planned[k] for k in ("identity", "entry", "k", "measures")} == {
        k: result[k] for k in ("identity", "entry", "k", "measures")
    }
    assert (Path(planned["output"]) / "entry.json").is_file()


def test_strict_makes_a_partial_result_a_failure(run: Any, tmp_path: Path) -> None:
    assert run("--lang", "en").code == 0
    outcome = run("--lang", "en", "--strict", "--json")
    assert (outcome.code, strict(outcome.out)[0]["partial"]) == (3, "1/18")
    assert run("--strict", task=f"path:{small_task(tmp_path / 'small')}").code == 0
