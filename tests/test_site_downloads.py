"""Tables to download: every number of the board with its status, in three formats that other programs read."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from boards import store
from siteboards import BOARD, EVIL, hostile

from bench.leaderboard.imported import imported_results
from bench.leaderboard.standings import standings, with_ranks
from bench.site.data import SiteData, site_data
from bench.site.pages import downloads
from bench.site.sheets import Sheet, files_of, json_bytes
from bench.site.tasksheets import task_files


@pytest.fixture(scope="module")
def site() -> SiteData:
    """Of every kind: measured and imported on xquad, reported on mrtydi."""
    reported = standings(BOARD, ("reported", "measured"), ["mrtydi", "xquad"])
    return SiteData(BOARD, (*reported, *with_ranks(imported_results(BOARD, ["xquad"]))))


def files(site: SiteData, task: str) -> dict[str, bytes]:
    return {page.path.rsplit(".", 1)[-1]: page.content for page in task_files(site, task)}


@pytest.mark.parametrize("task", ["xquad", "mrtydi"])
def test_every_number_stands_in_every_format_unrounded(site: SiteData, task: str) -> None:
    expected = {}
    for at, result in enumerate(site.by_task[task]):
        for measure in result["measures"]:
            expected[at, measure, "mean"] = result["mean"].get(measure)
            for code, row in result["languages"].items():
                expected[at, measure, code] = row.get(measure)
    made = files(site, task)
    assert json.loads(made["json"]) == json.loads(json.dumps(site.by_task[task]))

    table = pq.read_table(io.BytesIO(made["parquet"])).to_pylist()
    assert len(table) == len(expected)
    assert [row["value"] for row in table] == list(_in_order(site, task, expected))

    rows = list(csv.DictReader(io.StringIO(made["csv"].decode())))
    places = [(at, m) for at, result in enumerate(site.by_task[task]) for m in result["measures"]]
    assert len(rows) == len(places)
    for (at, measure), row in zip(places, rows, strict=True):
        result = site.by_task[task][at]
        assert (row["kind"], row["measure"]) == (result["kind"], measure)
        for code in ("mean", *result["languages"]):
            value = expected[at, measure, code]
            assert row[code] == ("" if value is None else repr(value))
        for code in result["missing"]:
            assert row[code] == ""


def _in_order(site: SiteData, task: str, expected: dict[tuple[int, str, str], float | None]) -> list[float | None]:
    found = []
    for at, result in enumerate(site.by_task[task]):
        for measure in result["measures"]:
            found += [expected[at, measure, code] for code in (*result["languages"], "mean")]
    return found


def test_a_status_travels_with_every_number(site: SiteData) -> None:
    rows = pq.read_table(io.BytesIO(files(site, "xquad")["parquet"])).to_pylist()
    (bm25,) = {(r["system"], r["search"], r["pins"], r["split"]) for r in rows if r["model"] == "bm25"}
    assert bm25 == ("bm25", "exact", "match", "validation")
    partial = {row["model"]: row["partial"] for row in rows if row["kind"] == "imported" and row["partial"]}
    assert partial == {r["model"]: r["partial"] for r in site.by_task["xquad"] if not r["complete"]}
    assert {row["source"] for row in rows if row["kind"] == "imported"} == {"embeddings-benchmark/results"}
    assert all(row["revision"] for row in rows if row["kind"] == "imported")
    flagged = next(r for r in site.by_task["mrtydi"] if r["flags"])
    lines = list(csv.DictReader(io.StringIO(files(site, "mrtydi")["csv"].decode())))
    states = {result["model"]: result["contamination"]["state"] for result in site.by_task["mrtydi"]}
    assert {line["model"]: line["contamination"] for line in lines} == states
    assert len(set(states.values())) > 1
    flags = {line["model"]: line["flags"] for line in lines}
    assert flagged["flags"][0]["check"] in flags[flagged["model"]]


def test_saturated_values_are_named() -> None:
    site = SiteData(BOARD, tuple(standings(BOARD, ("measured",), ["mini"])))
    rows = pq.read_table(io.BytesIO(files(site, "mini")["parquet"])).to_pylist()
    assert {row["measure"] for row in rows if row["saturated"]} == {"R@100"}
    assert all(row["saturated"] for row in rows if row["measure"] == "R@100")


def test_the_bytes_are_the_same_every_time(site: SiteData) -> None:
    assert files(site, "xquad") == files(site, "xquad")
    assert [page.path for page in downloads.pages(site)][-1] == "downloads.html"


def test_hostile_texts_are_no_formulas_and_no_broken_rows(tmp_path: Path) -> None:
    site = site_data(hostile(tmp_path))
    for task in site.by_task:
        made = files(site, task)
        made["json"].decode("ascii")
        rows = list(csv.reader(io.StringIO(made["csv"].decode())))
        assert {len(row) for row in rows} == {len(rows[0])}
    store(tmp_path, "=HYPERLINK(1)", {"en": [0.5]}, task="formula", bare=False)
    formula = files(site_data(tmp_path), "formula")["csv"].decode()
    assert "'=HYPERLINK(1)" in formula
    assert ",=HYPERLINK" not in formula


def test_a_sheet_has_its_columns_in_every_format() -> None:
    sheet = Sheet(
        "s", "t", ("name", "value", "there", "nothing"), [[EVIL, 0.1, True, None], ["b\ud800", None, False, None]]
    )
    made = {page.path: page.content for page in files_of(sheet)}
    assert set(made) == {"data/s.csv", "data/s.json", "data/s.parquet"}
    table = pq.read_table(io.BytesIO(made["data/s.parquet"])).to_pylist()
    assert table[0] == {"name": EVIL, "value": 0.1, "there": True, "nothing": None}
    assert table[1]["name"] == "b\\ud800"
    assert json.loads(made["data/s.json"])[1] == {"name": "b\ud800", "value": None, "there": False, "nothing": None}
    with pytest.raises(ValueError, match="JSON compliant"):
        json_bytes([float("nan")])
