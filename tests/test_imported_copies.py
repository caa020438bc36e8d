"""Copies of mteb's results made here: what is read, what is left out with a reason, and the command."""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from console import call
from mteb_copies import REVISION, SCORES, imported, put, result_file

from bench.errors import MissingError
from bench.leaderboard.imported import imported_results
from bench.leaderboard.imported.importing import COLUMNS, FOLDER, HEADINGS, import_mteb
from bench.leaderboard.imported.table import read_table, write_table


def test_values_that_are_none_are_left_out_and_flagged(tmp_path: Path) -> None:
    odd = {"ndcg_at_10": math.nan, "recall_at_100": math.inf, "recall_at_5": "0.5", "mrr_at_10": 1.5, "ndcg_at_1": True}
    put(tmp_path, result_file({"ar": SCORES | odd, "en": SCORES, "de": {"main_score": 0.25, "ndcg_at_10": 0.25}}))
    results, warnings = imported(tmp_path, tmp_path / "board")
    result = results["org/model"]
    assert warnings == []
    assert result["languages"]["ar"] == {"nDCG@10": None, "R@5": None, "R@100": None}
    assert result["languages"]["en"] == {"nDCG@10": 0.25, "R@5": 0.5, "R@100": 0.5}
    assert (result["partial"], result["mean"]["nDCG@10"]) == ("3/12", None)
    seen = {(f["language"], f["limit"], f["seen"]) for f in result["flags"] if f["check"] == "not a number"}
    assert seen == {
        ("ar", "ndcg_at_10", "NaN"),
        ("ar", "recall_at_100", "inf"),
        ("ar", "recall_at_5", "0.5"),
        ("ar", "mrr_at_10", "1.5"),
        ("ar", "ndcg_at_1", "True"),
    }
    assert "nDCG@10 is not in the source: ar" in result["notes"]
    assert "nothing is known of this model: the source has no model_meta.json" in result["notes"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"scores": {"ndcg_at_10": 0.5}', "not JSON: Expecting"),
        ("[" * 100_000 + '"ndcg_at_10"', "not JSON: maximum recursion depth"),
        ("", "not JSON: empty, or larger than 64 MB"),
        ('["ndcg_at_10"]', "expected an object"),
        (json.dumps(result_file({"ar": SCORES}, task="AnotherTask")), "its task is 'AnotherTask'"),
        (json.dumps(result_file({}, scores={"validation": {"ndcg_at_10": 1}})), "scores: validation: expected a list"),
        (json.dumps(result_file({}, scores=[{"ndcg_at_10": 1}])), "scores: expected an object"),
        (json.dumps(result_file({"": SCORES})), "hf_subset: expected a name, found ''"),
        (json.dumps(result_file({}, scores={"test": [{"hf_subset": "ar"} | SCORES] * 2})), "a subset is there twice"),
        (json.dumps(result_file({"ar": {"ndcg_at_10": "high"}})), "no scores of retrieval"),
    ],
)
def test_a_file_that_is_no_result_is_named_and_left_out(tmp_path: Path, text: str, reason: str) -> None:
    put(tmp_path, result_file({"ar": SCORES}))
    put(tmp_path, text, model="bad__model")
    results, warnings = imported(tmp_path, tmp_path / "board")
    assert list(results) == ["org/model"]
    (warning,) = warnings
    assert warning.startswith(f"results/bad__model/{REVISION}/XQuADRetrieval.json: {reason}"[:60])
    assert reason in warning


def test_files_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, result_file({"ar": SCORES}))
    put(tmp_path, {"task_name": "STS", "scores": {"test": [{"cosine_spearman": 0.5}]}}, task="STS")
    put(tmp_path, {"name": "org/model", "n_parameters": 12.0, "languages": ["eng_Latn"]}, task="model_meta")
    results, warnings = imported(tmp_path, tmp_path / "board")
    assert (list(results), warnings) == (["org/model"], [])
    assert results["org/model"]["about"]["parameters"] == 12


def test_the_layout_before_mteb_1_11_is_read(tmp_path: Path) -> None:
    scores = {key: value for key, value in SCORES.items() if key != "main_score"} | {"evaluation_time": 3.5}
    old = {"mteb_dataset_name": "BSARDRetrieval", "mteb_version": "1.1.2.dev0", "dataset_revision": "d", "test": scores}
    put(tmp_path, old, task="BSARDRetrieval", revision="no_revision_available")
    results, warnings = imported(tmp_path, tmp_path / "board")
    assert warnings == []
    assert results["org/model"]["languages"]["default"]["nDCG@10"] == 0.25
    assert [f["check"] for f in results["org/model"]["flags"]] == ["revision not pinned"]


def test_several_revisions_are_rows_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, result_file({"ar": SCORES}))
    put(tmp_path, result_file({"ar": SCORES | {"ndcg_at_10": 0.75}}), revision="main")
    put(tmp_path, {"name": "org/model", "open_weights": True, "license": "mit"}, task="model_meta")
    import_mteb(tmp_path, tmp_path / "board")
    first, second = imported_results(tmp_path / "board")
    assert [r["origin"]["revision"] for r in (first, second)] == [REVISION, "main"]
    assert [r["languages"]["ar"]["nDCG@10"] for r in (first, second)] == [0.25, 0.75]
    assert "2 revisions of this model have results here" in first["notes"]
    assert "what is said of this model is of another revision" in second["notes"]
    assert [f["check"] for f in second["flags"]] == ["main score differs", "revision not pinned"]


def test_archives_are_never_unpacked(tmp_path: Path) -> None:
    data = json.dumps(result_file({"ar": SCORES})).encode()
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        for name in ("../../results/org__model/" + REVISION + "/XQuADRetrieval.json", "/etc/a/b/XQuADRetrieval.json"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("results/linked__model/main/XQuADRetrieval.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    results, _ = imported(tmp_path, tmp_path / "board")
    assert sorted(results) == ["a", "org/model"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["board", "evil.tar"]


def test_a_broken_off_import_is_noticed(tmp_path: Path) -> None:
    put(tmp_path, result_file({"ar": SCORES}))
    import_mteb(tmp_path, tmp_path / "board")
    other = tmp_path / "board" / FOLDER / "XQuADRetrieval.parquet"
    write_table(other, {name: ["x"] for name in HEADINGS}, COLUMNS, np.zeros((1, len(COLUMNS))))
    with pytest.raises(MissingError, match=r"XQuADRetrieval.parquet: not the file of the index: import again"):
        imported_results(tmp_path / "board")
    assert imported_results(tmp_path) == []


def test_tables_keep_every_bit(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    exact = generator.random(500)
    values = np.stack([np.round(exact, 5), np.round(exact, 6), exact, np.where(exact < 0.3, np.nan, exact)], axis=1)
    values[0], values[1] = 0.0, 1.0
    names = ("a", "b", "c", "d")
    digest = write_table(tmp_path / "t.parquet", {"model": [str(i) for i in range(500)]}, names, values)
    table = read_table(tmp_path / "t.parquet", ["model"], names, digest)
    read = np.stack([table.scores[name] for name in names], axis=1)
    assert np.array_equal(read.view(np.int64), values.view(np.int64))


def test_the_command_prints_what_was_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, result_file({"ar": SCORES, "en": SCORES}))
    put(tmp_path, '"ndcg_at_10"\x1b[2J', model="bad__model")
    done = call(capsys, "board", "import", "mteb", tmp_path, "--board", tmp_path / "board", "--json")
    value = json.loads(done.out)
    assert done.code == 0
    assert value["tasks"]["XQuADRetrieval"] == {
        "task": "xquad",
        "main_measure": "nDCG@10",
        "models": 1,
        "results": 1,
        "rows": 2,
        "splits": {"validation": ["ar", "en"]},
        "dropped": [],
    }
    assert (len(value["skipped"]), "\x1b" in done.err) == (1, False)
    assert f"warning: results/bad__model/{REVISION}/XQuADRetrieval.json: not JSON" in done.err
    assert value["bytes"] == sum(f.stat().st_size for f in (tmp_path / "board" / FOLDER).iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("mteb", "nowhere"), 2, "nowhere: no such folder"),
        (("beir", "."), 2, "mteb"),
        (("mteb", ".", "--commit", "main"), 2, "--commit main: expected the 40 hex digits"),
    ],
)
def test_wrong_use_is_explained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(capsys, "board", "import", *arguments)
    assert (done.code, message in done.err) == (code, True), done.err


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.leaderboard.imported.mteb_results._LARGEST", 10_000)
    data = json.dumps(result_file({"ar": SCORES})).encode()
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for model, padded in (("org__model", data), ("big__model", data + b" " * 20_000)):
            info = tarfile.TarInfo(f"results/{model}/{REVISION}/XQuADRetrieval.json")
            info.size = len(padded)
            tar.addfile(info, io.BytesIO(padded))
    results, warnings = imported(tmp_path, tmp_path / "board")
    assert list(results) == ["org/model"]
    assert [w.partition(": ")[2].partition(":")[0] for w in warnings] == [
        f"results/big__model/{REVISION}/XQuADRetrieval.json"
    ]
