"""`bench run`: several models and tasks, languages, measures, depth, samples."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from cliruns import ranks_of_the_answer, small_task, strict, trec, written
from console import rows


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
    assert written(tmp_path / "board") == ["mini/bm25.json", "mini/bm25.parquet", "mini/questions.parquet"]
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
