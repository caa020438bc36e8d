"""Imported numbers: every value as the source has it, listed under our names, flagged, and nothing in a copy is trusted."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from console import CHECKOUT, call

from bench.errors import MissingError
from bench.leaderboard.imported import MEASURES, imported_models, imported_results, imported_tasks
from bench.leaderboard.imported.flags import claims, revision_flag, score_flags, slight_ties
from bench.leaderboard.imported.importing import COLUMNS, FOLDER, HEADINGS, import_mteb
from bench.leaderboard.imported.mteb_results import KEYS
from bench.leaderboard.imported.table import read_table, write_table
from bench.registry import Registry

BOARD = CHECKOUT / "leaderboards"
COMMIT = "f4cc6c8b365a3c779dbc708d6affe0b0355b2ddf"
QUICK = ("XQuADRetrieval", "MrTidyRetrieval")
REVISION = "0123456789abcdef0123456789abcdef01234567"
SCORES = {key: 0.5 for key in KEYS} | {"main_score": 0.25, "ndcg_at_10": 0.25}


@pytest.fixture(scope="module")
def copy(test_data: Path) -> Path:
    folder = test_data / "mteb-results"
    if not folder.is_dir():
        pytest.skip(f"no copy of mteb's results in {folder}")
    return folder


@pytest.fixture(scope="module")
def some(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with two of the tasks."""
    board = tmp_path_factory.mktemp("some")
    source = board / "copy"
    source.mkdir()
    for name in (*QUICK, "model_meta"):
        shutil.copy(copy / f"{name}.tar.gz", source)
    import_mteb(source, board, commit=COMMIT)
    return board


def source_values(copy: Path, task: str) -> Iterator[tuple[tuple[str, str, str, str], dict[str, Any]]]:
    """What the archive of a task holds, read with nothing of this project: by model, revision, split and subset."""
    with tarfile.open(copy / f"{task}.tar.gz") as tar:
        for member in tar.getmembers():
            if member.name.endswith(".json"):
                _, model, revision, _ = member.name.split("/")
                file = tar.extractfile(member)
                assert file
                value = json.load(file)
                scores = value.get("scores") or {"test": [value["test"] | {"hf_subset": "default"}]}
                for split, rows in scores.items():
                    for row in rows:
                        yield (model.replace("__", "/", 1), revision, split, row["hf_subset"]), row


def stored_values(board: Path, task: str) -> dict[tuple[str | None, ...], tuple[float, ...]]:
    line = imported_tasks(board)[task]
    table = read_table(board / FOLDER / line["file"], HEADINGS, COLUMNS, line["sha256"])
    keys = zip(*(table.headings[name] for name in HEADINGS[:4]), strict=True)
    return dict(zip(keys, zip(*(table.scores[name].tolist() for name in COLUMNS), strict=True), strict=True))


def unequal(copy: Path, board: Path, task: str) -> tuple[int, int]:
    """How many values of a task differ, and how many there are; a value that the source lacks is NaN."""
    stored, differ, count = stored_values(board, task), 0, 0
    for key, row in source_values(copy, task):
        ours = stored.pop(key)
        for name, value in zip(KEYS, ours, strict=True):
            differ += not (value == row[name] if name in row else math.isnan(value))
            count += name in row
    assert stored == {}, "rows that the source has not"
    return differ, count


@pytest.mark.parametrize(("task", "count"), [("XQuADRetrieval", 1688 * 36), ("MrTidyRetrieval", 123 * 36)])
def test_every_value_is_that_of_the_source(copy: Path, some: Path, task: str, count: int) -> None:
    assert unequal(copy, some, task) == (0, count)


@pytest.mark.slow
def test_every_value_of_the_whole_copy_is_that_of_the_source(copy: Path) -> None:
    found = [unequal(copy, BOARD, task) for task in imported_tasks(BOARD)]
    # 103,175 rows of 36, less 131 that the source has not: main scores of the old layout, cutoffs at 20, one lone MRR@5.
    assert (sum(differ for differ, _ in found), sum(count for _, count in found)) == (0, 3714169)


def test_the_board_of_the_project_holds_what_the_copy_gives(some: Path) -> None:
    here, there = imported_tasks(BOARD), imported_tasks(some)
    for task in QUICK:
        assert here[task] == there[task]
        assert (BOARD / FOLDER / f"{task}.parquet").read_bytes() == (some / FOLDER / f"{task}.parquet").read_bytes()
    assert sum(file.stat().st_size for file in (BOARD / FOLDER).iterdir()) < 15e6


@pytest.mark.slow
def test_importing_the_whole_copy_again_gives_the_same_bytes(copy: Path, tmp_path: Path) -> None:
    import_mteb(copy, tmp_path, commit=COMMIT)
    names = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert names == sorted(path.name for path in (BOARD / FOLDER).iterdir() if path.name != "README.md")
    for name in names:
        assert (tmp_path / FOLDER / name).read_bytes() == (BOARD / FOLDER / name).read_bytes(), name


def test_counts_are_those_of_the_copy(copy: Path) -> None:
    with (copy / "counts.tsv").open(encoding="utf-8") as file:
        counts = {row["task"]: row for row in csv.DictReader(file, delimiter="\t") if row["models"] != "0"}
    tasks = imported_tasks(BOARD)
    assert set(tasks) == set(counts)
    for task, line in tasks.items():
        expected = counts[task]
        subsets = {subset for listed in line["splits"].values() for subset in listed}
        seen = (line["models"], line["results"], len(subsets), ",".join(sorted(line["splits"])))
        assert seen == (
            *(int(expected[key]) for key in ("models", "result_files", "subsets_seen")),
            expected["splits"],
        )


def test_importing_again_changes_nothing(some: Path) -> None:
    before = {path.name: (path.read_bytes()) for path in (some / FOLDER).iterdir()}
    import_mteb(some / "copy", some, commit=COMMIT)
    assert {path.name: path.read_bytes() for path in (some / FOLDER).iterdir()} == before
    import_mteb(some / "copy", some, ["XQuADRetrieval"], commit=COMMIT)
    assert {path.name: path.read_bytes() for path in (some / FOLDER).iterdir()} == before


def test_the_live_layout_gives_the_same(some: Path, tmp_path: Path) -> None:
    for archive in (some / "copy").glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            tar.extractall(tmp_path / "live", filter="data")
    import_mteb(tmp_path / "live", tmp_path / "board", commit=COMMIT)
    for path in (some / FOLDER).iterdir():
        assert (tmp_path / "board" / FOLDER / path.name).read_bytes() == path.read_bytes(), path.name


def test_results_stand_under_the_names_of_the_cards() -> None:
    results = imported_results(BOARD, ["miracl", "mrtydi", "xquad"])
    count = {task: sum(r["task"] == task for r in results) for task in ("miracl", "mrtydi", "xquad")}
    complete = {task: sum(r["task"] == task and r["complete"] for r in results) for task in count}
    assert (count, complete) == (
        {"miracl": 189, "mrtydi": 83, "xquad": 178},
        {"miracl": 93, "mrtydi": 2, "xquad": 136},
    )
    assert {r["kind"] for r in results} == {"imported"}
    cards = {task: Registry().task(task) for task in count}
    for result in results:
        card = cards[result["task"]]
        assert set(result["languages"]) <= set(card.languages)
        assert result["measures"] == [m for m in card.measures if m in MEASURES]


def test_a_result_has_the_values_of_its_file(copy: Path) -> None:
    (result,) = [
        r
        for r in imported_results(BOARD, ["mrtydi"], ["nDCG@10", "MRR@100", "P@1"])
        if r["model"] == "infly/inf-retriever-v1"
    ]
    source = {key[3]: row for key, row in source_values(copy, "MrTidyRetrieval") if key[0] == result["model"]}
    codes = {"ar": "arabic", "te": "telugu", "th": "thai", "en": "english"}
    for ours, theirs in codes.items():
        assert result["languages"][ours] == {
            "nDCG@10": source[theirs]["ndcg_at_10"],
            "MRR@100": source[theirs]["mrr_at_100"],
            "P@1": source[theirs]["precision_at_1"],
        }
    assert result["mean"]["nDCG@10"] == math.fsum(row["ndcg_at_10"] for row in source.values()) / 11
    assert (result["partial"], result["flags"], result["about"]["parameters"]) == ("11/11", [], 7069121024)
    assert result["origin"]["task"] == "MrTidyRetrieval"


def test_other_splits_and_tasks_have_names_of_their_own() -> None:
    names = [r["task"] for r in imported_results(BOARD, ["mteb:MLQARetrieval@validation", "mteb:NeuCLIR2023Retrieval"])]
    assert {name: names.count(name) for name in set(names)} == {
        "mteb:MLQARetrieval@validation": 196,
        "mteb:NeuCLIR2023Retrieval": 15,
    }
    (result, *_) = imported_results(BOARD, ["mteb:NeuCLIR2023Retrieval"])
    assert result["measures"] == ["nDCG@20", "nDCG@10", "R@100", "MRR@10"]


def test_real_cases_are_flagged() -> None:
    results = imported_results(BOARD, ["miracl", "xquad", "mteb:BSARDRetrieval", "mteb:MLQARetrieval@validation"])

    def flags(task: str, check: str, model: str | None = None) -> list[tuple[str, bool]]:
        chosen = [r for r in results if r["task"] == task and model in (None, r["model"])]
        return [(f["language"], f["expected"]) for r in chosen for f in r["flags"] if f["check"] == check]

    # Thai came out as exactly zero for models that can read it.
    assert ("th", False) in flags("miracl", "zero main score", "Alibaba-NLP/gte-Qwen2-1.5B-instruct")
    assert len(flags("miracl", "zero main score")) == 193
    # An English model is weak on other languages, and says that it is English.
    minilm = flags("xquad", "far below the others", "sentence-transformers/all-MiniLM-L6-v2")
    assert len(minilm) > 0 and all(expected for _, expected in minilm)
    assert len(flags("mteb:MLQARetrieval@validation", "ties at rank 1")) == 78
    assert len(flags("mteb:BSARDRetrieval", "revision not pinned")) == 33
    assert flags("xquad", "revision not pinned", "Cohere/Cohere-embed-multilingual-v3.0") == [("all", True)]


def test_models_are_described_as_their_files_say(copy: Path) -> None:
    models = imported_models(BOARD)
    with tarfile.open(copy / "model_meta.tar.gz") as tar:
        file = tar.extractfile(
            "results/intfloat__multilingual-e5-small/fd1525a9fd15316a2d503bf26ab031a61d056e98/model_meta.json"
        )
        assert file
        theirs = json.load(file)
    ours = models["intfloat/multilingual-e5-small", "fd1525a9fd15316a2d503bf26ab031a61d056e98"]
    assert (ours.parameters, ours.licence, ours.released) == (118000000, "mit", "2024-02-08")
    assert set(json.loads(ours.training_datasets or "")) == set(theirs["training_datasets"])
    assert ours.languages == sorted(theirs["languages"])
    kinds = [model.described_by for model in models.values()]
    assert (len(kinds), kinds.count("model_meta.json"), kinds.count("another revision")) == (358, 346, 3)


# --- Copies made here ---


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


def test_damaged_archives_and_empty_copies_stop_the_import(tmp_path: Path, some: Path) -> None:
    with pytest.raises(MissingError, match=r"no results/<model>/<revision>/<Task>.json there"):
        import_mteb(tmp_path, tmp_path / "board")
    whole = (some / "copy" / "XQuADRetrieval.tar.gz").read_bytes()
    (tmp_path / "XQuADRetrieval.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MissingError, match=r"XQuADRetrieval.tar.gz: the archive is damaged"):
        import_mteb(tmp_path, tmp_path / "board")
    (tmp_path / "XQuADRetrieval.tar.gz").write_bytes(whole)
    with pytest.raises(MissingError, match="no results of NoTask there"):
        import_mteb(tmp_path, tmp_path / "board", ["NoTask", "XQuADRetrieval"])
    assert not (tmp_path / "board" / FOLDER).exists()


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


# --- Flags ---


def test_a_zero_is_never_expected_and_a_low_language_is_where_it_is_not_claimed() -> None:
    main = {"ar": 0.0, "de": 0.6, "en": 0.8, "fr": 0.7, "th": 0.1}
    flags = score_flags(main, {}, {}, {}, unclaimed={"ar", "th"})
    assert [(f["check"], f["language"], f["seen"], f["limit"], f["expected"]) for f in flags] == [
        ("zero main score", "ar", 0.0, 0.0, False),
        ("far below the others", "ar", 0.0, float(np.median([0.6, 0.8, 0.7, 0.1])) / 2, True),
        ("far below the others", "th", 0.1, float(np.median([0.0, 0.6, 0.8, 0.7])) / 2, True),
    ]


def test_ties_are_noted_and_flagged_from_half_a_question_in_a_hundred() -> None:
    mrr, precision = {"ar": 0.5, "de": 0.5, "en": 0.5, "fr": 0.5}, {"ar": 0.52, "de": 0.504, "en": 0.50001}
    flags = score_flags({"ar": 0.5}, mrr, precision, {}, unclaimed=())
    assert [(f["check"], f["language"], f["seen"], f["limit"]) for f in flags] == [("ties at rank 1", "ar", 0.5, 0.52)]
    assert slight_ties(mrr, precision) == ["de"]


@pytest.mark.parametrize(
    ("claimed", "wanted", "expected"),
    [
        (None, ["tha-Thai"], True),
        (["eng-Latn"], ["tha-Thai"], False),
        (["eng-Latn"], ["eng-Latn", "tha-Thai"], False),
        (["ara-Latn"], ["arb-Arab"], True),
        (["zho-Hans"], ["cmn-Hant"], True),
        (["eng-Latn"], [], True),
    ],
)
def test_claims_are_by_language_and_macrolanguage(
    claimed: Sequence[str] | None, wanted: Sequence[str], expected: bool
) -> None:
    assert claims(claimed, wanted) is expected


@pytest.mark.parametrize(
    ("revision", "open_weights", "expected"),
    [(REVISION, True, None), ("main", True, False), ("1", False, True), ("external", None, False)],
)
def test_a_revision_is_a_commit(revision: str, open_weights: bool | None, expected: bool | None) -> None:
    flag = revision_flag(revision, open_weights)
    assert (flag and flag["expected"]) is expected


# --- The command line ---


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
