"""`bench board verify` finds damage to per-query scores, and scores and flags that the runs do not give."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from verifying import EN, ENTRY, RELEASE, SCORES, checked, edit, found, put

from bench import api
from bench.leaderboard import read_entry
from bench.perquery import Row, digests_of, read_rows, write_rows


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
