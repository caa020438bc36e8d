"""Imported numbers: every value as the source has it, listed under our names, flagged, and nothing in a copy is trusted."""

from __future__ import annotations

import csv
import json
import math
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console import CHECKOUT

from bench.errors import MissingError
from bench.leaderboard.imported import MEASURES, imported_models, imported_results, imported_tasks
from bench.leaderboard.imported.importing import COLUMNS, FOLDER, HEADINGS, import_mteb
from bench.leaderboard.imported.mteb_results import KEYS
from bench.leaderboard.imported.table import read_table
from bench.registry import Registry

BOARD = CHECKOUT / "leaderboards"
COMMIT = "f4cc6c8b365a3c779dbc708d6affe0b0355b2ddf"
QUICK = ("XQuADRetrieval", "MrTidyRetrieval")


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
