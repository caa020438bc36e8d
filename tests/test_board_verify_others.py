"""`bench board verify` looks at the numbers of others, too: imported tables and printed figures, one test a damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.files import file_sha256
from bench.leaderboard.imported.importing import import_mteb, seal_of
from bench.leaderboard.imported.mteb_results import KEYS
from bench.leaderboard.reported import figures
from bench.leaderboard.verify import verify

REVISION = "0123456789abcdef0123456789abcdef01234567"
TABLE, INDEX, CSV = "imported/XRetrieval.parquet", "imported/index.json", "reported/paper.csv"
ROW = "A Paper,Table 1,someone2024,https://example.org,data,,A Model,miracl,dev,{},nDCG@10,nDCG@10,{}\n"
HEAD = ",".join(figures.Figure._fields) + "\n"


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A board with the imported scores of two models on one task, and two printed figures."""
    for model in ("a__one", "a__two"):
        rows = [{"hf_subset": code, "languages": [], **dict.fromkeys(KEYS, 0.5)} for code in ("de", "en")]
        value = {"task_name": "XRetrieval", "dataset_revision": "1", "scores": {"test": rows}}
        file = tmp_path / "copy" / "results" / model / REVISION / "XRetrieval.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(value))
    board = tmp_path / "board"
    import_mteb(tmp_path / "copy", board)
    (board / "reported").mkdir()
    (board / CSV).write_text(HEAD + ROW.format("ar", "0.430") + ROW.format("bn", "0.500"))
    return board


def found(board: Path) -> set[tuple[str, str]]:
    return {(fault.file, fault.check) for fault in verify(board).faults}


def test_numbers_of_others_that_are_whole(board: Path) -> None:
    (board / "imported" / "README.md").write_text("")
    assert found(board) == set()


def indexed(change: Callable[[dict[str, Any]], Any], *, sealed: bool = True) -> Callable[[Path], None]:
    """Another index, with its digest unless that is not `sealed`."""

    def damage(board: Path) -> None:
        value = json.loads((board / INDEX).read_text())
        change(value)
        if sealed:
            value["digest"] = seal_of(value)
        (board / INDEX).write_text(json.dumps(value))

    return damage


def retold(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """Another table with its digest in the index, as someone would write it who knows of the digest."""

    def damage(board: Path) -> None:
        pq.write_table(change(pq.read_table(board / TABLE)), board / TABLE)
        indexed(lambda v: v["tasks"]["XRetrieval"].update(sha256=file_sha256(board / TABLE)))(board)

    return damage


def flipped(board: Path) -> None:
    data = bytearray((board / TABLE).read_bytes())
    data[len(data) // 2] ^= 1
    (board / TABLE).write_bytes(bytes(data))


def above(table: pa.Table) -> pa.Table:
    place = table.column_names.index("AP@10")
    return table.set_column(place, "AP@10", pa.array([7_500_000] * len(table), pa.int32()))


IMPORTED: dict[str, tuple[Callable[[Path], Any], set[tuple[str, str]]]] = {
    "a bit of a table flipped": (flipped, {(TABLE, "checksum")}),
    "a table that is gone": (lambda board: (board / TABLE).unlink(), {(INDEX, "imported")}),
    "models that are gone": (lambda board: (board / "imported/models.parquet").unlink(), {(INDEX, "imported")}),
    "no index": (lambda board: (board / INDEX).unlink(), {(INDEX, "imported")}),
    "an index that is no JSON": (lambda board: (board / INDEX).write_text("{"), {(INDEX, "imported")}),
    "an index of a newer format": (indexed(lambda v: v.update(format=2)), {(INDEX, "imported")}),
    "an index without tasks": (indexed(lambda v: v.pop("tasks")), {(INDEX, "imported")}),
    "an index with a field that nobody knows": (indexed(lambda v: v.update(score=1)), {(INDEX, "unknown field")}),
    "an index with another licence": (
        indexed(lambda v: v.update(licence="MIT"), sealed=False),
        {(INDEX, "checksum")},
    ),
    "a task with a field that nobody knows": (
        indexed(lambda v: v["tasks"]["XRetrieval"].update(score=1)),
        {(INDEX, "unknown field")},
    ),
    "another main measure": (
        indexed(lambda v: v["tasks"]["XRetrieval"].update(main_measure="R@100")),
        {(INDEX, "derived")},
    ),
    "a subset told not to be one": (
        indexed(lambda v: v["tasks"]["XRetrieval"]["splits"].update(test=["en"])),
        {(INDEX, "derived")},
    ),
    "a dropped value of a model that is not there": (
        indexed(
            lambda v: v["tasks"]["XRetrieval"]["dropped"].append(
                {"model": "x/y", "revision": "1", "split": "test", "subset": "en", "key": "AP@1", "seen": "NaN"}
            )
        ),
        {(INDEX, "derived")},
    ),
    "a table outside the folder": (
        indexed(lambda v: v["tasks"]["XRetrieval"].update(file="../x.parquet")),
        {(INDEX, "imported"), (TABLE, "stray")},
    ),
    "a file that the index does not name": (
        lambda board: (board / "imported" / "more.parquet").write_bytes(b""),
        {("imported/more.parquet", "stray")},
    ),
    "a value above 1": (retold(above), {(TABLE, "range")}),
    "a row that is gone": (retold(lambda table: table.slice(1)), {(INDEX, "derived")}),
    "a row twice": (
        retold(lambda table: pa.concat_tables([table, table.slice(0, 1)])),
        {(TABLE, "duplicate"), (INDEX, "derived")},
    ),
    "a column that is gone": (retold(lambda table: table.drop_columns(["AP@10"])), {(TABLE, "imported")}),
}


@pytest.mark.parametrize("name", IMPORTED)
def test_damage_to_what_was_imported(board: Path, name: str) -> None:
    damage, faults = IMPORTED[name]
    damage(board)
    assert found(board) == faults


REPORTED: dict[str, tuple[str, str]] = {
    "a value above 1": (HEAD + ROW.format("ar", "43.0"), "range"),
    "a line cut short": (HEAD + ROW.format("ar", "0.430")[:40], "reported"),
    "a cell that is no number": (HEAD + ROW.format("ar", "0,43"), "reported"),
    "a figure twice": (HEAD + 2 * ROW.format("ar", "0.430"), "reported"),
    "another column": (HEAD.replace("citation", "cite") + ROW.format("ar", "0.430"), "reported"),
}


@pytest.mark.parametrize("name", REPORTED)
def test_damage_to_printed_figures(board: Path, name: str) -> None:
    text, check = REPORTED[name]
    (board / CSV).write_text(text)
    assert found(board) == {(CSV, check)}
    fault = verify(board).faults[0]
    assert str(board) not in fault.message
    assert fault.message.startswith("line ") or check == "range"


def test_a_file_among_the_printed_figures_that_is_none(board: Path) -> None:
    (board / "reported" / "paper.xlsx").write_bytes(b"")
    assert found(board) == {("reported/paper.xlsx", "stray")}
