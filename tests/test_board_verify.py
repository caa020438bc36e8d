"""`bench board verify` is silent on a clean board and finds each kind of planted damage, one test a kind."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import api
from bench.cli import _code
from bench.entry import Entry
from bench.judgments import Judgments
from bench.leaderboard import read_entry
from bench.leaderboard.releases import make_release, parsed_release
from bench.leaderboard.verify import Verified, verify
from bench.leaderboard.verify.faults import CHECKS
from bench.perquery import Row, digests_of, read_rows, write_rows
from bench.places import Places
from bench.registry import Registry

LANGUAGES = ["en", "sw", "th"]
MEASURES = ["nDCG@10", "R@5", "R@100"]
ENTRY = "mini/bm25.json"
SCORES = "mini/bm25.parquet"
RELEASE = "releases/2026.11.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a board of two entries and a release, and the results they came from."""
    folder = tmp_path_factory.mktemp("made")
    places = {"cache": folder / "cache", "board": folder / "board", "output": folder / "results"}
    api.run("bm25", "mini", LANGUAGES, **places)
    api.run("bm25", "mini-x", ["fr", "ja"], **places)
    make_release(folder / "board", "2026.11")
    return folder


@pytest.fixture
def board(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "board", tmp_path / "board")
    shutil.copytree(made / "results", tmp_path / "results")
    return tmp_path / "board"


def known(judged: bool = False) -> Judgments:
    return Judgments(Registry(), Places(None, Path("nowhere"), offline=True), judged=judged)


def checked(board: Path, *, runs: bool = False) -> Verified:
    return verify(board, known(judged=runs), board.parent / "results" if runs else None)


def found(board: Path, *, runs: bool = False) -> set[tuple[str, str]]:
    done = checked(board, runs=runs)
    assert {fault.check for fault in done.faults} <= set(CHECKS)
    return {(fault.file, fault.check) for fault in done.faults}


def test_a_clean_board_has_no_faults(board: Path) -> None:
    done = checked(board, runs=True)
    assert (done.faults, done.unread) == ([], [])
    assert (done.entries, done.releases, done.runs) == (2, 1, 5)


# --- damage to an entry's JSON. `sealed` writes derived fields and checksum anew: then the check named must find it.


def edit(path: Path, change: Callable[[dict[str, Any]], Any], *, sealed: bool = False) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    if sealed:
        value = Entry.from_dict(value, "").as_dict()
    path.write_text(json.dumps(value), encoding="utf-8")


def put(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(tree: Any) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = value

    return change


def drop(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(tree: Any) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        del tree[keys[-1]]

    return change


EN = ("languages", "en")
EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], set[str]]] = {
    "a newer format": (put("format", value=2), {"format"}),
    "no format": (drop("format"), {"format"}),
    "an unknown field": (put("score", value=1), {"unknown field"}),
    "a field that is gone": (drop("main_measure"), {"shape"}),
    "languages that are no object": (put("languages", value=[]), {"shape"}),
    "another id": (put("id", value="00000000"), {"identity"}),
    "a better mean": (put("mean", "nDCG@10", value=0.9), {"derived"}),
    "told complete": (put("complete", value=True), {"derived"}),
    "a language that is told measured": (put("missing", value=[]), {"derived"}),
    "another main measure": (put("main_measure", value="R@5"), {"derived"}),
    "a flag taken away or a recipe edited": (put(*EN, "recipe", "seed", value=7), {"checksum"}),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits_of_an_entry(board: Path, name: str) -> None:
    change, checks = EDITS[name]
    edit(board / ENTRY, change)
    assert {check for file, check in found(board) if file == ENTRY} == checks


SEALED: dict[str, tuple[Callable[[dict[str, Any]], Any], set[str]]] = {
    "a value that is not the mean": (put(*EN, "nDCG@10", value=0.99), {"mean"}),
    "a value off by 1e-11": (
        lambda v: v["languages"]["en"].update({"R@5": v["languages"]["en"]["R@5"] + 1e-11}),
        {"mean"},
    ),
    "a value above 1": (put(*EN, "nDCG@10", value=1.5), {"range", "mean"}),
    "a value below 0": (put(*EN, "R@5", value=-0.1), {"range", "mean"}),
    "a value that is a text": (put(*EN, "R@5", value=True), {"range", "mean"}),
    "a value taken away": (put(*EN, "R@5", value=None), {"surplus"}),
    "a negative count": (put(*EN, "judged", value=-1), {"range"}),
    "no queries": (put(*EN, "queries", value=0), {"range", "card"}),
    "more scored than asked": (put(*EN, "unanswered", value=1000), {"range"}),
    "fewer queries scored": (put(*EN, "scored", value=47), {"gap"}),
    "a fingerprint that is none": (put(*EN, "fingerprint", value="abc"), {"range", "card"}),
    "another fingerprint": (put(*EN, "fingerprint", value="0" * 64), {"card"}),
    "other counts than the card's": (put(*EN, "documents", value=25), {"card"}),
    "a field of a language that nobody knows": (put(*EN, "rank", value=1), {"unknown field"}),
    "a measure that the entry does not have": (put(*EN, "AP", value=0.5), {"measure"}),
    "a measure that is none": (lambda v: v["measures"].append("Fame@10"), {"measure"}),
    "a saturated measure not told so": (put(*EN, "saturated", value=[]), {"saturated"}),
    "a flag that is none": (put(*EN, "flags", value=[{"check": "nice"}]), {"flag"}),
    "a flag declared expected": (
        put(
            *EN,
            "flags",
            value=[{"check": "equal vectors", "language": "en", "seen": 0.5, "limit": 0.1, "expected": True}],
        ),
        {"flag"},
    ),
    "flags declared expected that no card expects": (
        put(*EN, "recipe", "expected_flags", value=["equal vectors"]),
        {"flag"},
    ),
    "the name of a machine": (put(*EN, "recipe", "hardware", "host", value="box"), {"unknown field"}),
    "a note with a control character": (put(*EN, "note", value="fine\x1b[2J"), {"note"}),
    "a language of another task": (
        lambda v: (v["subsets"].append("xx"), v["languages"].update(xx=v["languages"]["en"])),
        {"card", "gap"},
    ),
    "a language the task does not list": (
        lambda v: v["languages"].update(xx=v["languages"]["en"]),
        {"language", "gap"},
    ),
    "subsets cut to look complete": (put("subsets", value=LANGUAGES), {"card"}),
    "the weights of a branch": (
        put("identity", "system", value={"query": {"weights": {"hub": "a/b", "revision": "main"}}}),
        {"revision", "place"},
    ),
    "weights without a revision": (
        put("identity", "system", value={"query": {"weights": {"hub": "a/b", "revision": None}}}),
        {"revision", "place"},
    ),
    "a tag in the place of a commit": (
        put("identity", "system", value={"query": {"weights": {"hub": "a/b", "revision": "v1.0"}}}),
        {"revision", "place"},
    ),
    "data without a revision": (put(*EN, "recipe", "data", "revision", value="main"), {"revision"}),
    "a system that does not say what it is": (
        put("identity", "system", value={"own": "python:a:b", "fingerprint": None}),
        {"revision", "place"},
    ),
    "a path of somebody's machine": (put(*EN, "recipe", "index", value="/home/ada/index"), {"private"}),
    "an address with a password": (put(*EN, "recipe", "index", value="https://ada:secret@host/x"), {"private"}),
    "a sample": (put(*EN, "recipe", "options", "limit_docs", value=10), {"not for boards"}),
    "data that differ from the pins": (put(*EN, "pins", value="differ"), {"not for boards"}),
    "too few documents retrieved": (put(*EN, "recipe", "k", value=5), {"not for boards"}),
    "another task inside": (put("identity", "task", value="mini-x"), {"place", "card"}),
    "another model inside": (put("identity", "model", value="bm26"), {"place"}),
    "a split that the task lacks": (put("identity", "split", value="train"), {"card"}),
    "a field of a recipe that nobody knows": (put(*EN, "recipe", "host", value="x"), {"unknown field"}),
    "a date that is none": (put(*EN, "recipe", "date", value="yesterday"), {"range"}),
    "a date that has not been yet": (put(*EN, "recipe", "date", value="3026-01-01T00:00:00Z"), {"range"}),
    "a time below zero": (put(*EN, "recipe", "seconds", "search", value=-1.0), {"range"}),
}


@pytest.mark.parametrize("name", SEALED)
def test_edits_that_are_sealed_again(board: Path, name: str) -> None:
    change, checks = SEALED[name]
    edit(board / ENTRY, change, sealed=True)
    # A bare card's file has no hex: another system inside only shows by what it says of itself.
    assert {check for file, check in found(board) if file == ENTRY} == checks - (
        {"place"} if "revision" in checks else set()
    )


def test_a_file_that_is_no_strict_json(board: Path) -> None:
    text = (board / ENTRY).read_text(encoding="utf-8")
    for broken in (
        text[:-10],
        text.replace('"k": 100', '"k": NaN'),
        text.replace('"bare": true', '"bare": 1, "bare": true'),
        text.replace('"k": 100', '"k": 1e999'),
        text.replace('"split": "test"', '"split": "\\ud800"'),
        "[" * 100_000,
    ):
        assert broken != text
        (board / ENTRY).write_text(broken, encoding="utf-8")
        assert (ENTRY, "json") in found(board)


def test_an_entry_in_the_folder_of_another_task(board: Path) -> None:
    for end in (".json", ".parquet"):
        shutil.move(board / f"mini/bm25{end}", board / f"mini-x/copy{end}")
    assert ("mini-x/copy.json", "place") in found(board)


def test_an_entry_that_stands_there_twice(board: Path) -> None:
    for end in (".json", ".parquet"):
        shutil.copy(board / f"mini/bm25{end}", board / f"mini/again{end}")
    assert {("mini/again.json", "place"), ("mini/bm25.json", "duplicate")} <= found(board)


# --- damage to the per-query scores


def rewrite(board: Path, change: Callable[[list[Row]], list[Row]], *, sealed: bool = False) -> None:
    rows = change(read_rows(board / SCORES))
    write_rows(board / SCORES, rows)
    if sealed:
        digests = digests_of(rows)
        edit(
            board / ENTRY,
            lambda v: [b.update(digests=digests.get(s, {})) for s, b in v["languages"].items()],
            sealed=True,
        )


def of(rows: list[Row], checks: set[str], board: Path) -> None:
    assert {check for file, check in found(board) if file == ENTRY} == checks


def swapped(rows: list[Row]) -> list[Row]:
    """Two queries' values exchanged: every mean stays."""
    own = [i for i, row in enumerate(rows) if (row.language, row.measure) == ("en", "nDCG@10")]
    low, high = min(own, key=lambda i: rows[i].value), max(own, key=lambda i: rows[i].value)
    result = list(rows)
    result[low], result[high] = rows[low]._replace(value=rows[high].value), rows[high]._replace(value=rows[low].value)
    return result


ROWS: dict[str, tuple[Callable[[list[Row]], list[Row]], set[str]]] = {
    "a language without rows": (lambda rows: [r for r in rows if r.language != "sw"], {"gap"}),
    "a measure without rows": (lambda rows: [r for r in rows if (r.language, r.measure) != ("sw", "R@5")], {"gap"}),
    "a query left out": (
        lambda rows: [r for r in rows if (r.language, r.query) != ("en", rows[0].query)],
        {"gap", "mean"},
    ),
    "a query twice": (lambda rows: [*rows, rows[0]], {"duplicate"}),
    "a language too many": (lambda rows: [*rows, rows[0]._replace(language="xx")], {"surplus"}),
    "a measure too many": (lambda rows: [*rows, rows[0]._replace(measure="AP")], {"surplus"}),
    "a value above 1": (lambda rows: [rows[0]._replace(value=2.0), *rows[1:]], {"range", "mean"}),
    "a value that is no number": (lambda rows: [rows[0]._replace(value=float("nan")), *rows[1:]], {"range", "mean"}),
    "slices that the entry does not have": (lambda rows: [*rows, rows[0]._replace(slice="x")], {"mean"}),
}


@pytest.mark.parametrize("name", ROWS)
def test_damage_to_the_per_query_scores(board: Path, name: str) -> None:
    change, checks = ROWS[name]
    rewrite(board, change)
    seen = {check for file, check in found(board) if file == ENTRY}
    assert checks <= seen <= checks | {"digest"}


def test_an_edit_of_the_scores_alone_that_keeps_every_mean(board: Path) -> None:
    rewrite(board, swapped)
    assert found(board) == {(ENTRY, "digest")}


def test_a_table_that_cannot_be_read_has_other_columns_or_empty_cells(board: Path) -> None:
    whole = (board / SCORES).read_bytes()
    table = pq.read_table(board / SCORES)
    for damaged in (
        lambda: (board / SCORES).write_bytes(whole[:-50]),
        lambda: pq.write_table(table.append_column("rank", pa.array([1] * len(table))), board / SCORES),
        lambda: pq.write_table(table.drop_columns(["value"]), board / SCORES),
        lambda: pq.write_table(
            table.set_column(3, "value", pa.array([None] * len(table), pa.float64())), board / SCORES
        ),
    ):
        damaged()
        assert (ENTRY, "scores file") in found(board)


def test_one_half_of_an_entry_alone(board: Path) -> None:
    (board / SCORES).unlink()
    shutil.copy(board / "mini-x/bm25.parquet", board / "mini-x/lost.parquet")
    assert found(board) == {(ENTRY, "scores missing"), ("mini-x/lost.parquet", "scores missing")}


def test_files_that_do_not_belong_there(board: Path) -> None:
    (board / "mini" / ".bm25.json.x.part").write_text("{")
    (board / "mini" / "notes.txt").write_text("")
    (board / "mini" / "noise").mkdir()
    (board / "mini" / "noise" / "gone.json").write_text("{}")
    (board / "x.csv").write_text("")
    shutil.move(board / "mini-x" / "bm25.parquet", board.parent / "bm25.parquet")
    (board / "mini-x" / "bm25.parquet").symlink_to(board.parent / "bm25.parquet")
    strays = {".bm25.json.x.part", "notes.txt", "noise/gone.json"}
    here = {(f"mini/{name}", "stray") for name in strays}
    assert found(board) == {*here, ("x.csv", "stray"), ("mini-x/bm25.parquet", "stray")}


FLOORS: dict[str, tuple[Any, set[str]]] = {
    "as it is stored": ({}, set()),
    "of another identity": ({"id": "00000000"}, {"noise"}),
    "so high that every drop passes": ({"differences": {m: {"en": 1.0} for m in MEASURES}}, {"noise"}),
    "below zero": ({"differences": {m: {"en": -0.1} for m in MEASURES}}, {"noise"}),
    "of another language": ({"differences": {m: {"xx": 0.0} for m in MEASURES}}, {"noise"}),
    "without the main measure": ({"differences": {m: {"en": 0.0} for m in MEASURES[1:]}}, {"noise"}),
    "with a field that nobody knows": ({"score": 1}, {"noise"}),
    "no object": ({"differences": []}, {"noise"}),
    "of a newer format": ({"format": 2}, {"format"}),
}


@pytest.mark.parametrize("name", FLOORS)
def test_noise_floors(board: Path, name: str) -> None:
    change, checks = FLOORS[name]
    floor = {"format": 1, "id": read_entry(board / ENTRY).hex, "differences": {m: {"en": 0.001} for m in MEASURES}}
    (board / "mini" / "noise").mkdir()
    (board / "mini" / "noise" / "bm25.json").write_text(json.dumps(floor | change))
    assert {check for _, check in found(board)} == checks


# --- runs


def test_a_score_that_its_run_does_not_give(board: Path) -> None:
    rewrite(board, swapped, sealed=True)
    assert found(board) == {(RELEASE, "release")}, "without the run nothing else is to be seen: only the release knows"
    faults = [fault for fault in checked(board, runs=True).faults if fault.check == "run"]
    assert [fault.file for fault in faults] == [ENTRY]
    assert faults[0].message.startswith("en: nDCG@10: 2 queries, the first ")


def test_a_run_that_is_damaged_or_deeper_than_it_may_be(board: Path) -> None:
    path = board.parent / "results" / "mini" / "bm25" / "sw.trec.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.encode())[:-20])
    assert found(board, runs=True) == {(ENTRY, "run")}
    query = text.split()[0]
    path.write_text(text + "".join(f"{query} Q0 x{i} 1 -{i} x\n" for i in range(1, 200)))
    assert found(board, runs=True) == {(ENTRY, "run")}


def test_a_run_that_is_not_there_is_said_and_is_no_fault(board: Path) -> None:
    (board.parent / "results" / "mini" / "bm25" / "sw.trec.gz").unlink()
    done = checked(board, runs=True)
    assert done.faults == []
    assert [line.partition("results")[0][:25] for line in done.unread] == ["mini/bm25.json: sw: no ru"]


def test_average_precision_is_not_asked_of_a_run_that_was_cut(tmp_path: Path) -> None:
    places = {"cache": tmp_path / "cache", "board": tmp_path / "board", "output": tmp_path / "results"}
    api.run("bm25", "mini", ["en"], measures=["nDCG@10", "AP"], **places)
    run = tmp_path / "results" / "mini" / "bm25" / "en.trec.gz"
    lines = gzip.decompress(run.read_bytes()).decode().splitlines()
    run.write_text("\n".join(line for line in lines if int(line.split()[3]) <= 10) + "\n")
    assert {f.message.split(":")[1] for f in checked(tmp_path / "board", runs=True).faults} == {" AP"}
    edit(tmp_path / "board" / ENTRY, put(*EN, "recipe", "kept", value=10), sealed=True)
    assert checked(tmp_path / "board", runs=True).faults == []


def test_flags_that_the_scores_give_and_the_entry_hides(board: Path) -> None:
    entry = read_entry(board / "mini-x" / "bm25.json")
    assert [flag["check"] for flag in entry.languages["ja"]["flags"]] == ["not above random"]
    edit(board / "mini-x/bm25.json", put("languages", "ja", "flags", value=[]), sealed=True)
    assert found(board) == set()
    assert found(board, runs=True) == {("mini-x/bm25.json", "flag")}


# --- releases


def test_a_release_that_was_edited(board: Path) -> None:
    edit(board / RELEASE, put("entries", 0, "result", "languages", "en", "nDCG@10", value=0.99))
    assert found(board) == {(RELEASE, "digest"), (RELEASE, "derived"), (RELEASE, "release")}


def test_a_release_whose_date_was_edited_or_that_bears_another_name(board: Path) -> None:
    edit(board / RELEASE, put("date", value="2020-01-01T00:00:00Z"))
    assert found(board) == {(RELEASE, "digest")}
    (board / RELEASE).rename(board / "releases" / "2026.12.json")
    assert ("releases/2026.12.json", "place") in found(board)


def test_a_release_that_names_what_is_not_there(board: Path) -> None:
    shutil.rmtree(board / "mini-x")
    done = checked(board)
    assert [(fault.file, fault.check) for fault in done.faults] == [(RELEASE, "release")]
    assert "no entry has these numbers any more" in done.faults[0].message


def test_a_release_that_is_broken_or_newer(board: Path) -> None:
    edit(board / RELEASE, drop("entries"))
    assert found(board) == {(RELEASE, "release")}
    edit(board / RELEASE, put("format", value=9))
    assert found(board) == {(RELEASE, "format")}


def test_a_release_whose_result_says_other_than_its_identity(board: Path) -> None:
    for key, value in (("model", "another"), ("complete", True), ("partial", "18/18")):
        whole = json.loads((board / RELEASE).read_text())
        for row in whole["entries"]:
            row["result"][key] = value
        (board / RELEASE).write_text(json.dumps(parsed_release(whole, "").as_dict()))
        assert found(board) == {(RELEASE, "derived")}, key


# --- the command


def test_the_command_says_what_and_where(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["board", "verify", "--board", str(board)]) == 0
    assert capsys.readouterr().out == ""
    edit(board / ENTRY, put(*EN, "nDCG@10", value=0.75), sealed=True)
    assert _code(["board", "verify", "--board", str(board)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mini/bm25.json: mean: en: nDCG@10: the entry says 0.75, its per-query scores give 0.")
    assert _code(["board", "verify", "--board", str(board), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["entries"], told["releases"]) == (2, 1)
    assert {(fault["file"], fault["check"]) for fault in told["faults"]} == {(ENTRY, "mean"), (RELEASE, "release")}
    assert _code(["board", "verify", "--board", str(board / "nowhere")]) == 3
