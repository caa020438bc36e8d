"""Reported numbers: as transcribed, read strictly, shown beside measured ones and never as measured."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
from console import CHECKOUT, call

from bench.errors import InputError
from bench.leaderboard.audit.printed import Figure, Printed
from bench.leaderboard.reported import difference, reported_results
from bench.leaderboard.reported.figures import normalised, read_figures, reported_rows
from bench.registry import Registry

BOARD = CHECKOUT / "leaderboards"
HEAD = ",".join(Figure._fields)
ROW = "A paper,Table 1,a2020paper,https://example.org,data,bm25,BM25,xquad,validation,ar,Recall@100,R@100,0.430"


def table(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "reported" / "paper.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((head, *lines)) + "\n", encoding="utf-8")
    return path


def test_every_transcribed_value_is_there_with_its_digits(test_data: Path) -> None:
    names = sorted(path.name for path in (test_data / "reported").glob("*.csv"))
    assert names == sorted(path.name for path in (BOARD / "reported").glob("*.csv"))
    count = 0
    for name in names:
        with (test_data / "reported" / name).open(encoding="utf-8", newline="") as file:
            theirs = [(r["model"], r["task"], r["language"], r["metric"], r["value"]) for r in csv.DictReader(file)]
        ours = [(f.model, f.data, f.language, f.metric, f.value.text) for f in read_figures(BOARD / "reported" / name)]
        assert ours == theirs, name
        count += len(ours)
    assert count == 1786


def test_the_files_that_cards_refer_to_are_there_and_about_their_tasks() -> None:
    registry = Registry()
    for name in registry.task_names():
        for reference in registry.task(name).references:
            assert name in {figure.task for figure in read_figures(BOARD / reference.file)}, (name, reference.file)


def test_a_card_refers_to_every_table_that_is_about_it() -> None:
    registry = Registry()
    for path in sorted((BOARD / "reported").glob("*.csv")):
        for row in {(figure.task, figure.table) for figure in read_figures(path)}:
            if row[0] in registry.task_names():
                files = [reference.file for reference in registry.task(row[0]).references]
                assert f"reported/{path.name}" in files, row


def test_all_languages_are_those_of_the_cards() -> None:
    used: dict[str, set[str]] = {}
    for row in reported_rows(BOARD):
        used.setdefault(row.task, set()).update(row.cells)
    assert used.pop("mmarco-v1") == {"pt"}
    assert {task: codes - set(Registry().task(task).languages) for task, codes in used.items()} == {
        task: set() for task in ("miracl", "mmarco", "mrtydi", "msmarco", "xor-retrieve", "xtreme-up")
    }


@pytest.mark.parametrize(
    ("metric", "measure"),
    [("Recall@100", "R@100"), ("MRR@100", "MRR@100"), ("R@5kt", "R@5kt"), ("ndcg@10", "nDCG@10"), ("F1", None)],
)
def test_metrics_get_our_names(metric: str, measure: str | None) -> None:
    assert normalised(metric) == measure


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("0.430", "43.0%"), ":2: expected a number such as 0.430, found '43.0%'"),
        (("0.430", "nan"), ":2: expected a number such as 0.430, found 'nan'"),
        (("R@100,", "R@10,"), ":2: measure: the metric 'Recall@100' is R@100, found 'R@10'"),
        (("R@100,", "Recal@100,"), ":2: unknown measure 'Recal@100'"),
        (("BM25", ""), ":2: model is empty"),
        (("A paper,", ""), ":2: expected 13 cells, found 12"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = table(tmp_path, ROW.replace(*change))
    with pytest.raises(InputError) as caught:
        read_figures(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_columns_are_checked_and_may_stand_in_any_order(tmp_path: Path) -> None:
    path = table(tmp_path, ROW + ",x", head=HEAD + ",page")
    with pytest.raises(InputError, match=r"paper.csv:1: unknown column 'page'; the columns are source, table,"):
        read_figures(path)
    with pytest.raises(InputError, match=r"paper.csv:1: the column source is there 0 times, expected once"):
        read_figures(table(tmp_path, ROW, head=HEAD.removeprefix("source,")))
    turned = table(tmp_path, ",".join(reversed(ROW.split(","))), head=",".join(reversed(HEAD.split(","))))
    assert read_figures(turned)[0].value == Printed("0.430", 0.43, 0.001)


def test_a_figure_stands_once(tmp_path: Path) -> None:
    path = table(tmp_path, ROW, ROW.replace("0.430", "0.431"))
    with pytest.raises(InputError, match=r"paper.csv:3: stands at line 2 already"):
        read_figures(path)


def test_a_value_outside_the_range_is_no_result_but_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(tmp_path, ROW.replace("0.430", "43.0"))
    with pytest.raises(InputError, match=r"'BM25': not between 0 and 1: ar 43.0"):
        reported_results(tmp_path)
    found = json.loads(call(capsys, "board", "audit", "--json", "--board", tmp_path).out)
    assert [(f["check"], f["languages"], f["seen"]) for f in found] == [("out of range", ["ar"], 43.0)]


def test_results_keep_the_source_and_its_average() -> None:
    results = reported_results(BOARD)
    assert {result["kind"] for result in results} == {"reported"}
    assert len(results) == 135
    (bm25,) = [r for r in results if r["origin"]["table"] == "Table 4" and r["model"] == "bm25"]
    assert (bm25["task"], bm25["measures"], bm25["partial"], bm25["missing"]) == ("miracl", ["nDCG@10"], "18/18", [])
    assert bm25["printed_mean"] == {"nDCG@10": 0.385}
    assert bm25["mean"]["nDCG@10"] == math.fsum(row["nDCG@10"] for row in bm25["languages"].values()) / 18
    assert bm25["origin"]["url"] == "https://doi.org/10.18653/v1/2024.naacl-long.426"
    train = [r for r in results if r["task"] == "miracl@train"]
    assert {(r["partial"], r["origin"]["metric"]["R@100"]) for r in train} == {("16/16", "Recall@100")}


def test_incomplete_rows_say_so() -> None:
    results = reported_results(BOARD)
    (alone,) = [r for r in results if r["origin"]["table"] == "Table 9" and r["model"] == "dr-decr"]
    assert (alone["languages"], alone["mean"]["R@2kt"], alone["printed_mean"]) == ({}, None, {"R@2kt": 0.66})
    assert "R@2kt: the source prints the average alone" in alone["notes"]
    tuned = [r for r in results if r["model"] == "mdpr-tied-pft-msmarco-ft-miracl"]
    assert [(r["complete"], r["missing"]) for r in tuned] == [(False, ["de", "yo"])]
    other = [r for r in results if r["task"] == "mmarco-v1"]
    assert {note for r in other for note in r["notes"]} == {
        "no card of this project is about mmarco-v1 dev: comparable with nothing here"
    }


def test_the_flags_are_the_findings_of_the_audit() -> None:
    (shifted,) = [
        r for r in reported_results(BOARD) if r["task"] == "xtreme-up" and r["model"].startswith("mcontriever-en")
    ]
    flags = {flag["check"]: (flag["language"], flag["expected"]) for flag in shifted["flags"]}
    assert flags == {"average": ("mean", False), "order": ("all", False)}


def test_the_difference_is_over_common_languages_and_measures() -> None:
    reported = {
        "system": "bm25",
        "task": "miracl",
        "measures": ["nDCG@10", "R@100"],
        "languages": {
            "ar": {"nDCG@10": 0.5, "R@100": 0.9},
            "bn": {"nDCG@10": 0.25, "R@100": None},
            "yo": {"nDCG@10": 0.4},
        },
    }
    measured = {
        "model": "bm25",
        "task": "miracl",
        "measures": ["nDCG@10", "R@100"],
        "languages": {"ar": {"nDCG@10": 0.625, "R@100": 0.9}, "bn": {"nDCG@10": 0.5, "R@100": 0.8}},
    }
    found = difference(reported, measured)
    assert found is not None
    assert found["languages"] == {"ar": {"nDCG@10": 0.125, "R@100": 0.0}, "bn": {"nDCG@10": 0.25}}
    assert (found["mean"], found["over"]) == ({"nDCG@10": 0.1875, "R@100": 0.0}, {"nDCG@10": 2, "R@100": 1})
    assert difference(reported | {"system": None}, measured) is None
    assert difference(reported, measured | {"task": "miracl@train"}) is None


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A board with a measured entry, and reported numbers of the same system and of another."""
    shutil.copytree(BOARD / "xquad", tmp_path / "xquad")
    mine = [line.replace("Recall@100,R@100", "nDCG@10,nDCG@10") for line in (ROW, ROW.replace(",ar,", ",en,"))]
    table(tmp_path, *mine, mine[0].replace(",bm25,BM25,", ",,Other,"))
    return tmp_path


def test_reported_numbers_stand_beside_measured_ones(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = json.loads((board / "xquad" / "bm25.json").read_text(encoding="utf-8"))["languages"]
    shown = json.loads(call(capsys, "board", "reported", "--json", "--board", board).out)
    assert [(r["kind"], r["model"], len(r["measured"])) for r in shown] == [
        ("reported", "BM25", 1),
        ("reported", "Other", 0),
    ]
    (beside,) = shown[0]["measured"]
    assert beside["languages"] == {c: {"nDCG@10": entry[c]["nDCG@10"] - 0.43} for c in ("ar", "en")}
    done = call(capsys, "board", "reported", "--board", board)
    assert done.code == 0
    assert "xquad, nDCG@10: reported by A paper, Table 1" in done.out
    assert f"{entry['ar']['nDCG@10'] - 0.43:+.3f}" in done.out


def test_names_that_are_not_there_are_answered(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = call(capsys, "board", "reported", "--task", "xquadd", "--board", board)
    assert (done.code, "did you mean 'xquad'?" in done.err) == (2, True)
    done = call(capsys, "board", "reported", "--board", board / "nowhere")
    assert (done.code, "no *.csv there" in done.err) == (3, True)
