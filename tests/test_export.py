"""Exports: values and statuses as they stand on the board, read back by the programs they are meant for."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from boards import store
from console import call

from bench.formats.mteb import TASKS, key_of
from bench.leaderboard import read_entry
from bench.leaderboard.export.mteb import mteb_files
from bench.leaderboard.export.status import status_line, status_of
from bench.leaderboard.imported import imported_results
from bench.leaderboard.imported.importing import LISTED, import_mteb
from bench.leaderboard.imported.mteb_results import KEYS

CHECKOUT = Path(__file__).parents[1]
Json = dict[str, Any]
SAMPLE = {
    "XQuADRetrieval": ["BAAI__bge-m3", "intfloat__multilingual-e5-small", "mteb__baseline-bm25s"],
    "MIRACLRetrieval": ["BAAI__bge-m3", "sentence-transformers__all-MiniLM-L6-v2"],
    "MrTidyRetrieval": [
        "intfloat__multilingual-e5-small",
        "sentence-transformers__static-similarity-mrl-multilingual-v1",
    ],
    "MLQARetrieval": ["BAAI__bge-m3"],
    "WebFAQRetrieval": ["minishlab__potion-multilingual-128M", "Octen__Octen-Embedding-0.6B"],
    "mMARCO-NL": [],
}


@pytest.fixture(scope="module")
def copy(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few of mteb's files as they lie in its repository: some models of each task, all where none is named."""
    folder = tmp_path_factory.mktemp("copy")
    wanted = {"layout before 1.11": 2, "present layout": 1}
    for name in (*SAMPLE, "BSARDRetrieval"):
        with tarfile.open(test_data / "mteb-results" / f"{name}.tar.gz") as archive:
            for member in archive:
                parts = member.name.split("/")
                if not member.isfile() or len(parts) != 4:
                    continue
                content = archive.extractfile(member).read()  # type: ignore[union-attr]
                taken = parts[1] in SAMPLE.get(name, ()) or SAMPLE.get(name) == []
                layout = "present layout" if b'"scores"' in content else "layout before 1.11"
                if name == "BSARDRetrieval" and wanted[layout]:
                    wanted[layout] -= 1
                    taken = True
                if taken:
                    (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / member.name).write_bytes(content)
    return folder


def from_disk(path: Path) -> Any:
    from mteb.results.task_result import TaskResult

    return TaskResult.from_disk(path)


def run(capsys: pytest.CaptureFixture[str], board: Path, form: str, *more: object) -> str:
    done = call(capsys, "board", "export", "--format", form, "--board", board, *more)
    assert done.code == 0, done.err
    return done.out


# --- mteb


def test_names_and_revisions_are_those_of_the_installed_mteb() -> None:
    import mteb

    assert {task.name: ours for ours, task in TASKS.items()} == LISTED
    for task in TASKS.values():
        meta = mteb.get_task(task.name).metadata
        assert meta.revision == task.revision
        assert {s: [code] for s, code in task.languages.items()} == meta.hf_subsets_to_langscripts
        assert key_of(task.main) == meta.main_score


def test_what_was_imported_is_given_back(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board, out = tmp_path / "board", tmp_path / "out"
    import_mteb(copy, board)
    run(capsys, board, "mteb", "--kind", "imported", "--out", out)
    came = {path.relative_to(copy / "results"): path for path in sorted(copy.glob("results/*/*/*.json"))}
    assert sorted(path.relative_to(out) for path in out.rglob("*.json")) == sorted(came)
    assert len(came) >= 30
    for name, path in came.items():
        theirs, ours = from_disk(path), from_disk(out / name)
        source = json.loads(path.read_text())
        own = {row["hf_subset"]: row for rows in source.get("scores", {}).values() for row in rows}
        assert (ours.task_name, ours.dataset_revision) == (theirs.task_name, theirs.dataset_revision), name
        assert ours.scores.keys() == theirs.scores.keys()
        for split, rows in theirs.scores.items():
            given = {row["hf_subset"]: row for row in ours.scores[split]}
            assert len(given) == len(rows)
            for row in rows:
                kept = {key: row[key] for key in (*KEYS, "languages") if key in row}
                assert {key: given[row["hf_subset"]].get(key) for key in kept} == kept, (name, split)
                # from_disk gives a row without a version that of its file, and its own to one of the old layout.
                version = own.get(row["hf_subset"], {}).get("mteb_version") or source.get("mteb_version")
                assert given[row["hf_subset"]].get("mteb_version") == version
                assert set(given[row["hf_subset"]]) <= {*row, "mteb_version"}, "nothing is there that was not"
        versions = {row.get("mteb_version") for row in own.values()} - {None}
        if not versions or versions == {source["mteb_version"]}:
            assert ours.mteb_version == source.get("mteb_version")
        assert ours.get_score() == pytest.approx(theirs.get_score(), abs=1e-12), "the rows may stand in another order"


def test_one_imported_model_and_task(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_mteb(copy, tmp_path / "board", ["XQuADRetrieval", "MLQARetrieval"])
    at = ("--kind", "imported", "--task", "mteb:MLQARetrieval@validation", "--model", "bge-m3", "--out", tmp_path / "o")
    run(capsys, tmp_path / "board", "mteb", *at)
    (file,) = (tmp_path / "o").rglob("*.json")
    content = json.loads(file.read_text())
    assert list(content["scores"]) == ["validation"]
    assert content["bench"]["validation"]["kind"] == "imported"
    assert content["bench"]["validation"]["source"] == "embeddings-benchmark/results"


@pytest.fixture
def board_of_bm25(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with this repository's entry of bm25 on xquad, and nothing else."""
    board = tmp_path_factory.mktemp("board")
    (board / "xquad").mkdir()
    for name in ("bm25.json", "bm25.parquet"):
        shutil.copy(CHECKOUT / "leaderboards" / "xquad" / name, board / "xquad" / name)
    return board


def test_a_measured_entry_is_a_task_result_of_mteb(
    board_of_bm25: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, board_of_bm25, "mteb", "--task", "xquad", "--model", "bm25", "--out", tmp_path)
    entry = read_entry(board_of_bm25 / "xquad" / "bm25.json")
    (file,) = tmp_path.rglob("*.json")
    assert file == tmp_path / "bm25" / entry.hex / "XQuADRetrieval.json"
    loaded = from_disk(file)
    assert loaded.task.metadata.name == loaded.task_name == "XQuADRetrieval"
    assert loaded.dataset_revision == loaded.task.metadata.revision
    (split,) = loaded.scores
    assert split == entry.identity["split"] in loaded.task.metadata.eval_splits
    spoken = loaded.task.metadata.hf_subsets_to_langscripts
    for row in loaded.scores[split]:
        block = entry.languages[row["hf_subset"]]
        assert row["ndcg_at_10"] == row["main_score"] == block["nDCG@10"]
        assert (row["recall_at_5"], row["recall_at_100"]) == (block["R@5"], block["R@100"])
        assert row["languages"] == spoken[row["hf_subset"]]
    assert loaded.get_score() == pytest.approx(entry.as_dict()["mean"]["nDCG@10"], abs=1e-15)
    assert loaded.get_score(languages=["tha"]) == entry.languages["th"]["nDCG@10"]


def measured(task: str, measures: list[str], languages: dict[str, Json], **changes: Any) -> Json:
    means = {m: sum(row[m] for row in languages.values()) / len(languages) for m in measures}
    mean = means | {"languages": len(languages), "of": len(languages)}
    stated = {"kind": "measured", "model": "m", "task": task, "split": "test", "identity": "0123abcd", "index": "exact"}
    rest = {
        "measures": measures,
        "main_measure": measures[0],
        "partial": "2/2",
        "flags": [],
        "seconds": {"search": 1.5},
    }
    return stated | rest | {"languages": languages, "mean": mean, "entry": None, "pins": "match"} | changes


def test_mr_tydi_has_the_subsets_and_the_main_score_of_mteb(tmp_path: Path) -> None:
    languages = {"sw": {"MRR@100": 0.5, "nDCG@10": 0.25}, "ar": {"MRR@100": 0.75, "nDCG@10": 0.125}}
    ((name, content),) = mteb_files(tmp_path, [measured("mrtydi", ["MRR@100", "nDCG@10"], languages)])
    assert name == "m/0123abcd/MrTidyRetrieval.json"
    (tmp_path / "r.json").write_text(json.dumps(content))
    loaded = from_disk(tmp_path / "r.json")
    rows = {row["hf_subset"]: (row["main_score"], row["mrr_at_100"]) for row in loaded.scores["test"]}
    assert rows == {"swahili": (0.25, 0.5), "arabic": (0.125, 0.75)}
    assert loaded.evaluation_time == 1.5


def test_other_tasks_keep_their_own_names(tmp_path: Path) -> None:
    languages = {"ar": {"MRR@10": 0.5, "Judged@10": 0.25}}
    ((name, content),) = mteb_files(tmp_path, [measured("xtreme-up@validation", ["MRR@10", "Judged@10"], languages)])
    assert name == "m/0123abcd/xtreme-up@validation.json"
    (tmp_path / "r.json").write_text(json.dumps(content))
    loaded = from_disk(tmp_path / "r.json")
    assert (loaded.task_name, loaded.dataset_revision) == ("xtreme-up@validation", "google-research/xtreme-up@v1.1")
    assert loaded.scores["test"][0]["mrr_at_10"] == loaded.scores["test"][0]["main_score"] == 0.5
    assert loaded.scores["test"][0]["Judged@10"] == 0.25


def test_reported_numbers_have_no_run_behind_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("board", "export", "--format", "mteb", "--board", CHECKOUT / "leaderboards", "--kind", "reported")
    done = call(capsys, *at, "--task", "xor-retrieve", "--out", tmp_path / "o")
    assert done.code == 2
    assert "reported results are left out" in done.err
    assert not (tmp_path / "o").exists()


# --- model cards


def test_the_hub_reads_the_block(board_of_bm25: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from huggingface_hub import ModelCard, ModelCardData
    from huggingface_hub.repocard_data import model_index_to_eval_results

    board = board_of_bm25
    block = run(capsys, board, "model-index", "--task", "xquad", "--model", "bm25", "--measure", "nDCG@10")
    card = ModelCard(f"---\nlicense: mit\n{block}---\n# bm25\n")
    entry = read_entry(board / "xquad" / "bm25.json")
    assert card.data.model_name == "bm25"
    told = {(row.dataset_config, row.metric_name): row for row in card.data.eval_results}
    assert {code: told[code, "nDCG@10"].metric_value for code in entry.languages} == {
        code: row["nDCG@10"] for code, row in entry.languages.items()
    }
    row = told["th", "nDCG@10"]
    assert (row.task_type, row.dataset_type, row.dataset_split) == ("text-retrieval", "deepmind/xquad", "validation")
    assert (row.metric_type, row.dataset_revision) == ("ndcg_at_10", "60cac411649156efb6aab9dd4c9cde787a2c0345")
    assert row.metric_args["kind"] == "measured"
    name, results = model_index_to_eval_results(yaml.safe_load(block)["model-index"])
    again = ModelCardData(model_name=name, eval_results=results, license="mit")
    assert again.to_dict()["model-index"] == yaml.safe_load(block)["model-index"]


def test_a_card_is_of_one_model(capsys: pytest.CaptureFixture[str]) -> None:
    done = call(
        capsys, "board", "export", "--format", "model-index", "--board", CHECKOUT / "leaderboards", "--task", "mini"
    )
    assert done.code == 2
    assert "a model card is of one model" in done.err


# --- tables and statuses


def test_every_number_of_the_csv_is_that_of_the_entry(capsys: pytest.CaptureFixture[str]) -> None:
    board = CHECKOUT / "leaderboards"
    told = list(csv.DictReader(io.StringIO(run(capsys, board, "csv", "--task", "mini", "--model", "bm25"))))
    for model in ("bm25", "rrf(bm25, me5-small-q4)"):
        (path,) = [p for p in (board / "mini").glob("*.json") if read_entry(p).identity["model"] == model]
        entry = read_entry(path)
        rows = {(row["language"], row["measure"]): row for row in told if row["model"] == model}
        assert len(rows) == 3 * (len(entry.languages) + 1)
        for code, block in entry.languages.items():
            assert all(float(rows[code, measure]["value"]) == block[measure] for measure in entry.measures)
        assert float(rows["mean", "R@5"]["value"]) == entry.as_dict()["mean"]["R@5"]
        assert {row["kind"] for row in rows.values()} == {"measured"}
        assert {row["saturated"] for (_, measure), row in rows.items() if measure == "R@100"} == {"yes"}
        assert {row["saturated"] for (_, measure), row in rows.items() if measure != "R@100"} == {""}
        assert {row["identity"] for row in rows.values()} == {entry.hex}


def test_the_status_says_what_stands_against_a_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flag = {"check": "zero main score", "language": "th", "seen": 0, "limit": 0, "expected": False}
    languages = {"ar": {"nDCG@10": 0.5}, "th": {"nDCG@10": 0.0}}
    one = measured("miracl@train", ["nDCG@10"], languages, split="train", flags=[flag], index="ivf", pins="unchecked",
                   partial="2/18", sample={"documents": 1000, "seed": 0, "of": 9}, release="2026.1",
                   contamination={"state": "inherited"})  # fmt: skip
    one["mean"]["of"] = 18
    assert status_line(one) == (
        "measured, split train, approximate, a sample of 1000 documents, pins unchecked, partial 2/18, "
        "flagged: zero main score (th), made from a model trained on the task, release 2026.1"
    )
    explained = one | {"flags": [flag | {"note": "known"}, flag | {"expected": True}]}
    assert status_of(explained)["flags"] == []
    assert status_of(one)["contamination"] == "inherited"


def test_imported_and_reported_numbers_say_so(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = tmp_path / "board"
    import_mteb(copy, board, ["MIRACLRetrieval"])
    told = list(csv.DictReader(io.StringIO(run(capsys, board, "csv", "--kind", "imported"))))
    (source,) = [r for r in imported_results(board) if r["model"] == "BAAI/bge-m3"]
    mine = [row for row in told if row["model"] == "BAAI/bge-m3"]
    # This copy has no metadata of models: the card of the model says what it was trained on.
    assert {(row["kind"], row["source"], row["contamination"]) for row in mine} == {
        ("imported", "embeddings-benchmark/results", "declared")
    }
    assert {row["revision"] for row in mine} == {source["origin"]["revision"]}
    text = run(capsys, CHECKOUT / "leaderboards", "markdown", "--kind", "reported", "--task", "xor-retrieve")
    assert r"reported \(SWIM-IR paper, Table 3" in text


def test_json_has_the_result_objects_and_only_the_measures_asked_for(
    board_of_bm25: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = json.loads(run(capsys, board_of_bm25, "json", "--task", "xquad", "--model", "bm25", "--measure", "R@5"))
    assert row["measures"] == ["R@5"]
    assert set(row["mean"]) == {"R@5", "languages", "of"}
    assert "nDCG@10" not in row["languages"]["ar"]
    assert row["status"]["kind"] == row["kind"] == "measured"


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "b", "m", {"x": [0.5]})
    at = ("board", "export", "--board", tmp_path / "b")
    for more, message in (
        (("--format", "xml"), "unknown format 'xml'"),
        (("--format", "mteb"), "give a folder with --out"),
        (("--format", "trec", "--out", tmp_path / "o"), "takes the folders that bench run --output left"),
        (("--format", "csv", "--task", "u"), "unknown task of these results 'u'"),
        (("--format", "csv", "--model", "n"), "no results of n"),
        (("--format", "csv", "--measure", "R@5"), "unknown measure of these results 'R@5'"),
        (("--format", "csv", "--kind", "guessed"), "unknown kind 'guessed'"),
        (("--format", "csv", "--out", tmp_path), "a folder is there"),
    ):
        done = call(capsys, *at, *more)
        assert (done.code, message in done.err, done.out) == (2, True, ""), done.err
    assert call(capsys, "board", "export", "--format", "csv", "--board", tmp_path / "none").code == 3
    assert not (tmp_path / "o").exists()
