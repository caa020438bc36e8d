"""Charts of the site: what is drawn is what the board says, the same bytes every time, and safe as a file."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import siteboards
from siteboards import BOARD, EVIL

from bench.errors import BenchError
from bench.leaderboard.imported import imported_results
from bench.leaderboard.standings import standings, with_ranks
from bench.site.charts import WIDTH, Pairs, Point, Rows, Scatter, drawn, height_of
from bench.site.data import Result, SiteData
from bench.site.pages.plots import pages
from bench.site.plots import Figure, figures_of
from bench.site.speed import speed_of

pytest.importorskip("matplotlib", reason="charts need matplotlib: pip install '.[site]'")
SVG = "{http://www.w3.org/2000/svg}"
POINTS = (Point(1e7, 0.2, "small", best=True), Point(1e8, 0.5, EVIL, best=True), Point(1e9, 0.4))
CHARTS = [
    Scatter("parameters", "nDCG@10", (("imported", POINTS), ("measured", (Point(3e7, 0.3),))), ((1e8, "100 M"),)),
    Rows("nDCG@10", ("ar", EVIL), ((f"_{EVIL}", (0.1, None)), ("$x$", (0.2, 0.9))), ((0.0, 0.5), None), "all of 4"),
    Pairs("AP", ("own", "others"), ("ar", "de"), (("a", ((0.5, 0.25), None)), (EVIL, ((0.1, 0.2), (0.3, 0.3))))),
]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> SiteData:
    board = siteboards.measured(tmp_path_factory.mktemp("board"))
    return SiteData(board, tuple(standings(board, ("measured",))))


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)
def test_a_chart_is_the_same_every_time_and_loads_nothing(chart: Scatter | Rows | Pairs) -> None:
    svg = drawn(chart)
    assert svg == drawn(chart)
    root = ET.fromstring(svg)
    names = {node.tag.removeprefix(SVG) for node in root.iter()}
    assert not names & {"script", "foreignObject", "image", "a", "metadata", "iframe"}
    links = [value for node in root.iter() for key, value in node.attrib.items() if key.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert not [key for node in root.iter() for key in node.attrib if key.lower().startswith("on")]
    # Points of 1/72 inch are pixels here: the page gives the picture's place before it is there.
    assert [float(n) for n in root.attrib["viewBox"].split()] == [0, 0, WIDTH, height_of(chart)]


def test_names_are_shown_as_they_are() -> None:
    shown = texts(drawn(CHARTS[1]))
    assert "$x$" in shown  # no formula
    assert any(text.strip().startswith("_</script><script>") for text in shown)  # no line of a legend that is hidden
    assert "ar" in shown
    assert not any("\u202e" in text for text in shown)


def test_a_point_lies_where_its_numbers_are() -> None:
    chart = Scatter("x", "y", (("one", (Point(1e7, 0.2), Point(1e9, 0.4), Point(1e8, 0.5))),))
    marks = [(float(u["x"]), float(u["y"])) for u in _marks(drawn(chart))]
    (x1, y1), (x3, y3), (x2, y2) = marks
    assert (x2 - x1) == pytest.approx(x3 - x2)  # tens are equally far apart
    assert (y1 - y3) / (y1 - y2) == pytest.approx((0.4 - 0.2) / (0.5 - 0.2))


def _marks(svg: str) -> list[dict[str, str]]:
    """The marks of the only group of points: the line that has as many as points, in order."""
    lines = [group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.attrib.get("id", "").startswith("line2d")]
    found = [[dict(use.attrib) for use in line.iter(f"{SVG}use")] for line in lines]
    (only,) = [uses for uses in found if len(uses) == 3]
    return only


# --- what is drawn


def figure(site: SiteData, task: str, kind: str) -> Figure:
    (found,) = [one for one in figures_of(site, task) if one.stem.endswith(f"-{kind}")]
    return found


def test_sizes_are_those_of_complete_systems_and_named_where_none_smaller_is_as_good() -> None:
    results = tuple(with_ranks(imported_results(BOARD, ["xquad"])))
    site = SiteData(BOARD, results)
    shown = figure(site, "xquad", "size")
    # By hand: complete, not flagged, its size known from the metadata that came with it.
    known = [r for r in results if r["ranks"]["nDCG@10"] and r["about"] and r["about"]["parameters"]]
    by_name = {row[0]: row for row in shown.rows}
    assert len(shown.rows) == len(by_name) >= 90
    for result in known:
        card = site.model_cards.get(site.system_of(result))
        size = card.parameters if card and card.parameters else result["about"]["parameters"]
        assert by_name[site.system_of(result)][1:] == ("imported", size, result["mean"]["nDCG@10"])
    assert isinstance(shown.chart, Scatter)
    (points,) = (points for _, points in shown.chart.groups)
    best = {
        (x, y) for _, _, x, y in shown.rows if all(y > b for _, _, a, b in shown.rows if a < x or (a == x and b != y))
    }
    assert {(p.x, p.y) for p in points if p.best} == {(p.x, p.y) for p in points if p.name} == best


def test_speed_is_documents_by_the_seconds_that_entries_state(measured: SiteData) -> None:
    shown = figure(measured, "mini", "speed")
    speeds = {row[0]: row for row in shown.rows}
    assert set(speeds) == {"bm25", "muse-small", "me5-small-q4", "rrf(bm25, me5-small-q4)"}
    for result in measured.by_task["mini"]:
        entry = measured.entry_of(result)
        assert entry
        seconds = documents = 0.0
        for block in entry.languages.values():
            documents += block["documents"]
            seconds += block["recipe"]["seconds"]["index"]
            seconds += sum(encoder["document"]["seconds"] for encoder in block["recipe"]["encoders"])
        assert speeds[result["model"]][2] == pytest.approx(documents / seconds)
    speed = speed_of(entry)
    assert speed
    assert "cores" in speed.machine


def test_a_profile_has_the_values_of_the_table(measured: SiteData) -> None:
    shown = figure(measured, "mini", "languages")
    values = {(system, code): value for system, code, value in shown.rows}
    assert len(values) == 4 * 18
    for result in measured.by_task["mini"]:
        for code, row in result["languages"].items():
            assert values[result["model"], code] == row["nDCG@10"]
    assert isinstance(shown.chart, Rows)
    assert len(shown.chart.series) == 4
    at = shown.chart.languages.index("bn")
    column = [result["languages"]["bn"]["nDCG@10"] for result in measured.by_task["mini"]]
    assert shown.chart.band[at] == (min(column), max(column))


def test_preference_for_the_own_language_is_its_value_and_the_mean_of_the_others(measured: SiteData) -> None:
    table = {"ar": {"ar": 0.9, "de": 0.3, "en": 0.6}, "de": {"ar": 0.2, "de": 0.7, "en": 0.2}, "en": {"en": 0.5}}
    result = sliced(measured, table)
    shown = figure(SiteData(BOARD, (result,)), "mini", "own-language")
    assert isinstance(shown.chart, Pairs)
    ((name, rows),) = shown.chart.panels
    assert name == "bm25"
    assert rows[0] == (0.9, pytest.approx((0.3 + 0.6) / 2))
    assert rows[1] == (0.7, pytest.approx(0.2))
    assert rows[2] is None
    assert ("bm25", "ar", "en", 0.6) in shown.rows


def sliced(site: SiteData, table: dict[str, dict[str, float]]) -> Result:
    first = next(result for result in site.by_task["mini"] if result["model"] == "bm25")
    return first | {"slices": {"nDCG@10": table}}


def test_partial_results_are_not_drawn(measured: SiteData) -> None:
    def cut(result: Result) -> Result:
        return result | {"languages": {"ar": result["languages"]["ar"]}, "complete": False}

    results = with_ranks(cut(result) for result in measured.by_task["mini"])
    assert figures_of(SiteData(BOARD, tuple(results)), "mini") == []


def test_the_page_has_every_chart_with_words_and_numbers(measured: SiteData, tmp_path: Path) -> None:
    site = SiteData(measured.board, tuple(r for r in measured.results if r["task"] == "mini"), cache=tmp_path)
    found = {page.path: page.content for page in pages(site)}
    assert set(found) == {
        "plots.html",
        *(f"plots/mini-{k}.{e}" for k in ("speed", "languages") for e in ("svg", "csv")),
    }
    rows = list(csv.reader(io.StringIO(found["plots/mini-languages.csv"].decode())))
    assert rows[0] == ["system", "language", "nDCG@10"]
    assert len(rows) == 1 + 4 * 18
    page = found["plots.html"].decode()
    assert page.count("<img ") == 2
    assert page.count('alt="nDCG@10') == 2
    again = {page.path: page.content for page in pages(site)}  # now from the cache
    assert again == found
    for file in tmp_path.rglob("*.json"):
        file.write_text("{broken", encoding="utf-8")
    assert {page.path: page.content for page in pages(site)} == found


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(BenchError, match=r"charts need matplotlib.*pip install 'multilingual-retrieval-bench\[site\]'"):
        drawn(CHARTS[0])
