"""`bench run` from the command line: the JSON contract, the tables, the options, and what a run leaves."""

from __future__ import annotations

import gzip
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from console import CHECKOUT, Outcome, call, on_terminal, rows

LANGUAGES = ("ar", "en", "sw")
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


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def call_run(*arguments: object, model: str = "bm25", task: str = "mini") -> Outcome:
        folders = [f"--{name}={tmp_path / name}" for name in ("cache", "board", "output")]
        return call(capsys, "run", "--model", model, "--task", task, *folders, *arguments)

    return call_run


def strict(text: str) -> Any:
    """The JSON value that is all of a text; NaN and Infinity are errors."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def written(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".locks" not in p.parts)


def passages(language: str) -> list[dict[str, Any]]:
    path = CHECKOUT / "tasks" / "mini" / f"{language}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def trec(path: Path) -> list[list[str]]:
    return [line.split(" ") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def ranks_of_the_answer(path: Path, language: str) -> list[float]:
    """For every question of `mini` the rank of the one relevant passage in a run, infinity where it is not there."""
    found = {(query, doc): int(rank) for query, _, doc, rank, *_ in trec(path)}
    ids = [(row["id"], i) for row in passages(language) for i in range(1, len(row["questions"]) + 1)]
    return [found.get((f"{doc}-{i}", doc), math.inf) for doc, i in ids]


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


def small_task(folder: Path) -> Path:
    """Three documents and two questions in BEIR's layout."""
    (folder / "qrels").mkdir(parents=True)
    docs = [{"_id": "d1", "text": "the river"}, {"_id": "d2", "text": "the star"}, {"_id": "d3", "text": "the wolf"}]
    queries = [{"_id": "q1", "text": "river"}, {"_id": "q2", "text": "star"}]
    for name, table in (("corpus", docs), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    return folder


def test_where_one_fails_the_rest_runs_and_the_highest_code_counts(run: Any, tmp_path: Path) -> None:
    arguments = ("--lang", "en", "--offline", "--task", "mini-x", "--data", tmp_path)
    outcome = run(*arguments, "--json", model="bm52,bm25,hf:nobody/nothing", task="mini,mini-y")
    results = strict(outcome.out)
    pairs = [(r["model"], r["task"]) for r in results]
    models = ["bm52", "bm25", "hf:nobody/nothing"]
    assert pairs == [(m, t) for t in ("mini", "mini-y", "mini-x") for m in models]
    codes = [r["error"]["code"] if "error" in r else 0 for r in results]
    # mini-x has no language en: wrong use comes first, where a model is looked for before that.
    assert codes == [2, 0, 3, 2, 2, 2, 2, 2, 3]
    assert outcome.code == 3
    unknown = "unknown model 'bm52': did you mean 'bm25'? (bench models list)"
    assert results[0] == {"model": "bm52", "task": "mini", "error": {"code": 2, "message": unknown}}
    assert f"bench: bm52 on mini: {unknown}\n" in outcome.err
    assert written(tmp_path / "board") == ["mini/bm25.json", "mini/bm25.parquet"]
    table = run("--lang", "en", model="bm52,bm25")
    assert table.code == 2
    assert rows(table.out)[1] == ["mean", "en"]
    assert table.err.startswith(f"bench: bm52 on mini: {unknown}\n")


def test_commas_inside_brackets_do_not_split(run: Any) -> None:
    outcome = run("--lang", "en", "--json", "--model", "bm25", model="rrf(bm25, bm25,k=7), rrf(bm25,bm25)")
    assert [r["model"] for r in strict(outcome.out)] == ["rrf(bm25, bm25, k=7)", "rrf(bm25, bm25)", "bm25"]
    assert outcome.code == 0


def test_languages_are_taken_once_and_in_the_order_of_the_card(run: Any) -> None:
    (result,) = strict(run("--lang", "sw, en", "--lang", "ar,en", "--json").out)
    assert list(result["languages"]) == ["ar", "en", "sw"]


def test_measures_in_the_order_asked_for(run: Any, tmp_path: Path) -> None:
    (result,) = strict(run("--lang", "en", "--measures", "R@5,AP", "--measures", "MRR@10", "--json").out)
    assert result["measures"] == ["R@5", "AP", "MRR@10"]
    assert result["main_measure"] == "R@5"
    assert list(result["languages"]["en"])[:3] == ["R@5", "AP", "MRR@10"]
    assert "nDCG@10" not in result["languages"]["en"]
    ranks = ranks_of_the_answer(tmp_path / "output" / "mini" / "bm25" / "en.trec.gz", "en")
    wanted = {
        "R@5": sum(rank <= 5 for rank in ranks) / 72,
        "AP": sum(1 / rank for rank in ranks) / 72,
        "MRR@10": sum(1 / rank for rank in ranks if rank <= 10) / 72,
    }
    assert {m: result["languages"]["en"][m] for m in wanted} == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "depth"),
    [
        ([], 100),
        (["--measures", "nDCG@10"], 100),  # the card's own deepest cut: the run can be scored by all its measures
        (["--measures", "R@200"], 200),
        (["--measures", "nDCG@10,AP"], 1000),  # AP of ten documents would not be AP
        (["--k", "30"], 30),
    ],
)
def test_how_many_documents_are_retrieved(run: Any, arguments: list[str], depth: int) -> None:
    (planned,) = strict(run("--lang", "en", "--dry-run", "--json", *arguments).out)
    assert planned["k"] == depth


def test_k_cuts_the_run_and_a_cut_measure_stays_off_the_board(run: Any, tmp_path: Path) -> None:
    (result,) = strict(run("--lang", "en", "--k", "3", "--measures", "R@3", "--json").out)
    table = trec(tmp_path / "output" / "mini" / "bm25" / "en.trec.gz")
    assert max(int(row[3]) for row in table) == result["k"] == 3
    assert result["entry"] is not None
    before = (tmp_path / "board" / "mini" / "bm25.json").read_bytes()
    (result,) = strict(run("--lang", "en", "--k", "3", "--json").out)
    assert result["entry"] is None
    reason = "no leaderboard entry: k = 3 retrieves fewer documents than nDCG@10, R@5, R@100 looks at"
    assert reason in result["notes"]
    assert (tmp_path / "board" / "mini" / "bm25.json").read_bytes() == before


def test_a_sample_says_so_and_leaves_no_entry(run: Any, tmp_path: Path) -> None:
    task = f"path:{small_task(tmp_path / 'small')}"
    run(task=task)
    before = {name: (tmp_path / "output" / name).read_bytes() for name in written(tmp_path / "output")}
    board = {name: (tmp_path / "board" / name).read_bytes() for name in written(tmp_path / "board")}
    (result,) = strict(run("--limit-docs", "1", "--seed", "7", "--json", task=task).out)
    assert result["sample"] == {"documents": 1, "seed": 7, "of": 3}
    assert (result["pins"], result["entry"]) == ("unchecked", None)
    assert result["languages"]["und"]["documents"] == 2, "the judged ones"
    assert "no leaderboard entry: a sample of each language's documents (--limit-docs 1)" in result["notes"]
    name = f"bm25--{result['identity']}"
    assert {row[2] for row in trec(tmp_path / "output" / "path-small" / name / "und.trec.gz")} == {"d1", "d2"}
    # What was there of the whole collection is neither lost nor mixed with the sample.
    assert {name: (tmp_path / "output" / name).read_bytes() for name in before} == before
    assert {name: (tmp_path / "board" / name).read_bytes() for name in written(tmp_path / "board")} == board
    outcome = run("--limit-docs", "1", task=task)
    assert "path:small, nDCG@10, a sample of 1 document a language\n" in outcome.out
    (rehearsed,) = strict(run("--limit-docs", "1", "--seed", "7", "--dry-run", "--json", task=task).out)
    assert (rehearsed["entry"], rehearsed["identity"]) == (None, result["identity"])


def test_a_folder_may_drop_a_query_from_its_own_ranking(run: Any, tmp_path: Path) -> None:
    folder = small_task(tmp_path / "small")
    for name in ("queries.jsonl", "qrels/test.tsv"):
        path = folder / name
        path.write_text(path.read_text().replace("q1", "d1").replace("d1\td1", "d1\td3"))
    (folder / "corpus.jsonl").write_text((folder / "corpus.jsonl").read_text().replace("the wolf", "a river of wolves"))
    (plain,) = strict(run("--json", task=f"path:{folder}").out)
    (dropped,) = strict(run("--drop-self", "--json", task=f"path:{folder}").out)
    assert plain["languages"]["und"]["nDCG@10"] == pytest.approx((1 / math.log2(3) + 1) / 2)
    assert dropped["languages"]["und"]["nDCG@10"] == 1.0
    names = [f"path-small/{stem}" for stem in ("bm25", f"bm25--{dropped['identity']}")]
    assert written(tmp_path / "board") == sorted(f"{n}.{kind}" for n in names for kind in ("json", "parquet"))
    stored = [strict((tmp_path / "board" / f"{name}.json").read_text())["identity"] for name in names]
    assert [identity["drop_query_id"] for identity in stored] == [False, True]
    ranked = {row[:3][0]: row[2] for row in trec(tmp_path / "output" / names[1] / "und.trec.gz") if row[3] == "1"}
    assert ranked == {"d1": "d3", "q2": "d2"}


def test_dropping_a_query_is_refused_where_a_card_says_what_to_do(run: Any) -> None:
    outcome = run("--drop-self")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "bench: --drop-self: mini has a card, by which a document with the query's own id is not dropped; "
        "the option is for path:DIR alone\n"
    )


def test_no_board_writes_runs_and_scores_alone(run: Any, tmp_path: Path) -> None:
    (result,) = strict(run("--lang", "en", "--no-board", "--json").out)
    assert result["entry"] is None
    assert not (tmp_path / "board").exists()
    assert written(tmp_path / "output") == [f"mini/bm25/{n}" for n in ("en.trec.gz", "entry.json", "scores.parquet")]


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
    board = {path.suffix: path.read_bytes() for path in (tmp_path / "board" / "mini").iterdir()}
    assert board == {
        ".json": (folder / "entry.json").read_bytes(),
        ".parquet": (folder / "scores.parquet").read_bytes(),
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
    assert written(tmp_path / "b") == ["mini/bm25.json", "mini/bm25.parquet"]
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
