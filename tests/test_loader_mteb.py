"""`mteb:NAME` end to end: mteb's own evaluator and encoder interface are the oracle; nothing may reach a network."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import console
import mteb_tasks
import pytest

import bench
from bench.errors import InputError, MissingError
from bench.registry import Registry


@pytest.fixture(scope="module")
def library() -> Any:
    """mteb, once: its import takes seconds."""
    return importlib.import_module("mteb")


@pytest.fixture(autouse=True)
def alone(offline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and no cache but the test's own."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")


@pytest.fixture
def register(library: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a task class among those of the installed mteb."""

    def add(cls: type) -> type:
        monkeypatch.setattr(library.tasks, cls.__name__, cls, raising=False)
        return cls

    return add


def run(model: Any, task: str, folder: Path, *languages: str, **options: Any) -> dict[str, Any]:
    return bench.run(model, f"mteb:{task}", list(languages) or None, cache=folder / "cache", offline=True, **options)


def judged_by_mteb(cls: Any, model: Any, monkeypatch: pytest.MonkeyPatch, split: str = "test") -> SimpleNamespace:
    """What mteb gives for a model: its scores by subset, and the unrounded ones of every query."""
    evaluator = importlib.import_module("mteb._evaluators.retrieval_evaluator")
    unrounded = []

    def spied(*arguments: Any, **options: Any) -> Any:
        unrounded.append(original(*arguments, **options))
        return unrounded[-1]

    original = evaluator.calculate_retrieval_scores
    monkeypatch.setattr(evaluator, "calculate_retrieval_scores", spied)
    task = cls()
    scores = task.evaluate(model, split=split, encode_kwargs={"batch_size": 8})
    monkeypatch.setattr(evaluator, "calculate_retrieval_scores", original)
    queries = {subset: result.all_scores for subset, result in zip(scores, unrounded, strict=True)}
    return SimpleNamespace(scores=scores, queries=queries)


def mean(scores: dict[str, dict[str, float]], name: str) -> float:
    return sum(row[name] for row in scores.values()) / len(scores)


def test_mteb_leaves_the_callers_state_alone(register: Any, tmp_path: Path) -> None:
    register(mteb_tasks.old_format("LocalOld"))
    random.seed(5)
    expected = [random.random() for _ in range(3)]
    random.seed(5)
    level = logging.getLogger("mteb").level
    run(mteb_tasks.Hashing(), "LocalOld", tmp_path)
    assert [random.random() for _ in range(3)] == expected
    assert logging.getLogger("mteb").level == level
    assert importlib.import_module("datasets").are_progress_bars_disabled() is False


@pytest.mark.parametrize("drop", [False, True])
def test_an_old_task_scores_as_mteb_scores_it(
    register: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop: bool
) -> None:
    cls = register(mteb_tasks.old_format("LocalOld", ignore_identical_ids=drop))
    ours, theirs = mteb_tasks.Hashing(), mteb_tasks.Hashing()
    result = run(ours, "LocalOld", tmp_path, measures=["nDCG@10", "R@10", "AP@20", "MRR@10", "P@5", "Success@1"])
    expected = judged_by_mteb(cls, theirs, monkeypatch)
    row, queries = result["languages"]["default"], expected.queries["default"]
    assert (row["queries"], row["documents"]) == (7, 30)  # Query 7 has no judgments.
    names = {
        "nDCG@10": "ndcg_cut_10",
        "R@10": "recall_10",
        "AP@20": "map_cut_20",
        "P@5": "P_5",
        "Success@1": "success_1",
    }
    for measure, name in names.items():
        assert row[measure] == pytest.approx(mean(queries, name), abs=1e-9), measure
    assert row["MRR@10"] == pytest.approx(expected.scores["default"]["mrr_at_10"], abs=1e-9)
    assert row["own_score"] == {
        "name": "ndcg_at_10",
        "by": f"mteb {importlib.metadata.version('mteb')}",
        "value": expected.scores["default"]["main_score"],
        "fault": None,
    }
    assert f"{row['own_score']['value']:.5f}" == f"{row['nDCG@10']:.5f}"
    assert ours.seen == theirs.seen  # Joined and stripped as mteb does it.
    assert any("ndcg_at_10 of the same run by mteb" in note for note in result["notes"])
    assert any(
        note.endswith("judged documents that the corpus lacks count as never found: 1") for note in result["notes"]
    )


def test_dropping_identical_ids_matters_here(register: Any, tmp_path: Path) -> None:
    values = []
    for drop in (False, True):
        register(mteb_tasks.old_format("LocalOld", ignore_identical_ids=drop))
        result = run(mteb_tasks.Hashing(), "LocalOld", tmp_path / str(drop))
        values.append(result["languages"]["default"]["nDCG@10"])
    assert values[0] != values[1]


SUBSETS = {"en": ["eng-Latn"], "de-en": ["deu-Latn", "eng-Latn"]}


@pytest.fixture
def disk(register: Any, tmp_path: Path) -> Iterator[Any]:
    folder = tmp_path / "data"
    folder.mkdir()
    return register(mteb_tasks.on_disk("LocalNew", folder, SUBSETS, main_score="recall_at_10"))


@pytest.mark.parametrize("model", ["bm25", "hashing"])
def test_subsets_in_the_present_layout(disk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    result = run("bm25" if model == "bm25" else mteb_tasks.Hashing(), "LocalNew", tmp_path)
    assert result["complete"]
    assert result["measures"] == ["R@10", "nDCG@10", "R@100"]
    assert result["subsets"] == {"en": {"query": "en", "document": "en"}, "de-en": {"query": "de", "document": "en"}}
    for row in result["languages"].values():
        assert f"{row['own_score']['value']:.5f}" == f"{row['R@10']:.5f}"
        assert 0 < row["R@10"] < 1
    if model == "hashing":
        expected = judged_by_mteb(disk, mteb_tasks.Hashing(), monkeypatch)
        for subset, row in result["languages"].items():
            assert row["nDCG@10"] == pytest.approx(mean(expected.queries[subset], "ndcg_cut_10"), abs=1e-9)
            assert row["R@100"] == pytest.approx(mean(expected.queries[subset], "recall_100"), abs=1e-9)


def test_only_the_subset_that_was_asked_for_is_loaded(
    disk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaders = importlib.import_module("mteb.abstasks.retrieval_dataset_loaders")
    opened = []
    original = loaders.load_dataset
    monkeypatch.setattr(loaders, "load_dataset", lambda *a, **o: opened.append(a[1]) or original(*a, **o))
    result = run(mteb_tasks.Hashing(), "LocalNew", tmp_path, "de-en")
    assert (list(result["languages"]), result["missing"]) == (["de-en"], ["en"])
    assert sorted(opened) == ["de-en-corpus", "de-en-qrels", "de-en-queries"]
    assert disk.metadata.hf_subsets == ["en", "de-en"]


def test_missing_data(disk: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    (folder / "de-en-queries.jsonl").unlink()
    result = run(mteb_tasks.Hashing(), "LocalNew", tmp_path)
    assert (list(result["languages"]), result["missing"]) == (["en"], ["de-en"])
    arguments = ["run", "--model", "bm25", "--task", "mteb:LocalNew", "--lang", "de-en", "--offline", "--no-board"]
    outcome = console.call(capsys, *arguments, "--cache", tmp_path / "cache")
    assert outcome.code == 3
    assert (
        f"mteb:LocalNew, de-en: mteb cannot load the data set {disk.metadata.dataset['path']}, revision 1:"
        in outcome.err
    )
    assert "run it once without --offline" in outcome.err
    assert "HF_HOME" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.usefixtures("library")
def test_a_data_set_that_is_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--model", "bm25", "--task", "mteb:NFCorpus", "--dry-run", "--cache", tmp_path]
    outcome = console.call(capsys, *arguments)
    assert outcome.code == 3
    assert (
        "mteb cannot load the data set mteb/nfcorpus, revision ec0fa4fe99da2ff19ca1214b7966684033a58814" in outcome.err
    )


@pytest.mark.parametrize(
    "name",
    ["MockRetrievalTask", "MockRetrievalDialogTask", "MockInstructionRetrieval", "MockMultilingualRetrievalTask"],
)
def test_mocks_of_mteb(library: Any, register: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Conversations and instructions of single queries reach an encoder as mteb's own do."""
    cls = register(getattr(library.mocks, name))
    ours, theirs = mteb_tasks.Hashing(), mteb_tasks.Hashing()
    result = run(ours, name, tmp_path, measures=["nDCG@1", "nDCG@10"])
    expected = judged_by_mteb(cls, theirs, monkeypatch)
    assert ours.seen == theirs.seen
    assert set(result["languages"]) == set(expected.scores)
    for subset, row in result["languages"].items():
        assert row["nDCG@1"] == pytest.approx(mean(expected.queries[subset], "ndcg_cut_1"), abs=1e-9)
        assert row["own_score"]["value"] == expected.scores[subset]["main_score"]


def test_a_score_by_the_task_s_own_code_is_had_from_mteb(
    register: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worst(self: Any, scores: Any, qrels: Any, results: Any, **_: Any) -> dict[str, float]:
        return {"worst_of_all": min(row["recall_10"] for row in scores.values()) + len(results)}

    cls = register(mteb_tasks.old_format("LocalOwn", main_score="worst_of_all", task_specific_scores=worst))
    row = run(mteb_tasks.Hashing(), "LocalOwn", tmp_path)["languages"]["default"]
    theirs = judged_by_mteb(cls, mteb_tasks.Hashing(), monkeypatch).scores["default"]["main_score"]
    assert row["own_score"]["value"] == pytest.approx(theirs, abs=1e-9)
    assert theirs >= 7


def test_a_fault_in_the_task_s_own_code_loses_nothing(register: Any, tmp_path: Path) -> None:
    def broken(self: Any, *_: Any, **__: Any) -> dict[str, float]:
        raise KeyError("changed qrels")

    register(mteb_tasks.old_format("LocalOwn", main_score="p_change", task_specific_scores=broken))
    result = run(mteb_tasks.Hashing(), "LocalOwn", tmp_path)
    row = result["languages"]["default"]
    assert row["nDCG@10"] > 0
    assert (row["own_score"]["value"], row["own_score"]["fault"]) == (None, "KeyError: 'changed qrels'")
    assert any("null, KeyError" in note for note in result["notes"])


def test_a_main_score_that_nobody_can_compute(register: Any) -> None:
    register(mteb_tasks.old_format("LocalOdd", main_score="taste"))
    with pytest.raises(InputError, match="main score that a run and judgments do not give"):
        Registry().task("mteb:LocalOdd")


def test_candidates_in_the_data_are_refused(register: Any, tmp_path: Path) -> None:
    cls = mteb_tasks.old_format("LocalOld")
    original = cls.load_data

    def load_data(self: Any, **options: Any) -> None:
        original(self, **options)
        self.top_ranked = {"test": {q: ["1", "2"] for q in self.queries["test"]}}

    cls.load_data = load_data
    register(cls)
    with pytest.raises(InputError, match="candidates for each query"):
        run(mteb_tasks.Hashing(), "LocalOld", tmp_path)


def test_without_offline_nothing_is_loaded_before_its_turn(register: Any, tmp_path: Path) -> None:
    cls = mteb_tasks.old_format("LocalGone")

    def load_data(self: Any, **_: Any) -> None:
        raise ConnectionError("no such host")

    cls.load_data = load_data
    register(cls)
    with pytest.raises(MissingError, match=r"example/old, revision 1: ConnectionError: no such host; try again"):
        bench.run("bm25", "mteb:LocalGone", cache=tmp_path)
