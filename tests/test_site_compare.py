"""Comparisons on the site: the numbers of `bench compare`, the pairs worth a page, any systems side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from boards import store
from console import call
from siteboards import measured

from bench.leaderboard.questions import read_questions, write_questions
from bench.leaderboard.standings import standings
from bench.site.data import SiteData, site_data
from bench.site.pages import compare
from bench.site.sides import colour_of, sides_of
from bench.site.versus import pairs_of, sheet_rows

SOURCE = Path(__file__).parents[1] / "tasks" / "mini"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteData:
    board = measured(tmp_path_factory.mktemp("board"))
    return SiteData(board, tuple(standings(board, ("measured",))), cache=tmp_path_factory.mktemp("cache"))


def test_a_pair_has_the_numbers_of_bench_compare(site: SiteData, capsys: pytest.CaptureFixture[str]) -> None:
    pair = next(p for p in pairs_of(site, "mini") if p.second.result["model"] == "muse-small")
    assert pair.first.result["model"] == "me5-small-q4"
    outcome = call(capsys, "compare", "muse-small", "me5-small-q4", "--task", "mini", "--board", site.board, "--json")
    (found,) = json.loads(outcome.out)
    assert {line.code: dict(line.values) for line in pair.lines} == found["languages"]
    assert pair.mean.values == found["mean"]
    assert (pair.unit, list(pair.notes)) == (found["unit"], found["notes"])
    rows = list(sheet_rows([pair]))
    assert rows[0][4:8] == [None, found["mean"]["b"], found["mean"]["a"], found["mean"]["difference"]]


def test_what_is_kept_is_what_was_computed(site: SiteData) -> None:
    first = pairs_of(site, "mini-x")
    assert site.cache
    assert list((site.cache / "site").glob("*.json"))
    assert pairs_of(site, "mini-x") == first
    assert [v._replace(first=None, second=None) for v in pairs_of(SiteData(site.board, site.results), "mini-x")] == [
        v._replace(first=None, second=None) for v in first
    ]


def test_drawings_keep_to_their_scale(site: SiteData) -> None:
    pairs = pairs_of(site, "mini")
    for pair in pairs:
        ends = [abs(end) for line in pair.lines for end in (line.span.low, line.span.high)]
        assert max(ends) == 70
        for line in pair.lines:
            assert (line.span.middle > 0) == (line.values["difference"] > 0)
            assert line.sure == (line.values["interval"][0] > 0 or line.values["interval"][1] < 0)
    means = [(abs(end), pair) for pair in pairs for end in (pair.among.span.low, pair.among.span.high)]
    assert max(end for end, _ in means) == 70
    first = pairs[0].among.span.middle / pairs[0].mean.values["difference"]
    for pair in pairs:  # one scale for all
        assert pair.among.span.middle == pytest.approx(first * pair.mean.values["difference"], abs=0.1)


def test_of_many_systems_neighbours_and_the_best_have_pages(tmp_path: Path) -> None:
    for i in range(8):
        store(tmp_path, f"m{i}", {"x": [1 - i / 10 - j / 100 for j in range(6)]})
    pairs = [(p.first.result["model"], p.second.result["model"]) for p in pairs_of(site_data(tmp_path), "t")]
    neighbours = [(f"m{i}", f"m{i + 1}") for i in range(7)]
    assert pairs == sorted({*neighbours, *(("m0", f"m{j}") for j in range(1, 6))})


def test_systems_measured_on_other_data_are_no_pair(tmp_path: Path) -> None:
    store(tmp_path, "one", {"x": [0.1, 0.5]}, fingerprint="f")
    store(tmp_path, "two", {"x": [0.2, 0.5]}, fingerprint="g")
    assert pairs_of(site_data(tmp_path), "t") == []


def test_sides_hold_every_system_and_measure(site: SiteData) -> None:
    sides = sides_of(site, "mini")
    assert (sides.labels[0], len(sides.labels)) == ("mean", 19)
    assert [side.name for side in sides.sides] == ["me5-small-q4", "rrf(bm25, me5-small-q4)", "muse-small", "bm25"]
    by_name = {result["model"]: result for result in site.by_task["mini"]}
    data = sides.data({})
    for key, name, kind, _, values in data["sides"]:
        assert (kind, key) == ("measured", next(s.key for s in sides.sides if s.name == name))
        for measure, row in zip(data["measures"], values, strict=True):
            assert row[0] == round(by_name[name]["mean"][measure] * 1e6)
            languages = by_name[name]["languages"]
            assert row[1:] == [round(languages[code][measure] * 1e6) for code in sides.labels[1:]]


def test_what_stands_there_without_script_is_the_first_systems_and_their_difference(site: SiteData) -> None:
    label, cells = sides_of(site, "mini").lines()[0]
    assert label == "mean"
    assert [(cell.text, cell.difference) for cell in cells] == [
        (".881", ""), (".798", "−.082"), (".729", "−.151"), (".710", "−.171"),
    ]  # fmt: skip
    assert [cell.colour for cell in cells] == ["", "n3", "n3", "n3"]
    assert [colour_of(d) for d in (0.0049, 0.005, -0.02, 0.05)] == ["", "p1", "n2", "p3"]


def test_the_pages_link_to_one_another(site: SiteData) -> None:
    pages = {page.path: page.content.decode("utf-8", "replace") for page in compare.pages(site)}
    pair = "compare/mini/me5-small-q4/bm25.html"
    assert pair in pages
    assert f'href="../{pair}"' in pages["compare/mini.html"]
    assert 'href="compare/mini.html"' in pages["compare.html"]
    assert 'href="../../../compare/mini.html"' in pages[pair]
    script = pages["data/compare/mini.js"]
    data = json.loads(script.removeprefix("window.benchCompare = ").removesuffix(";\n"))
    assert data["pairs"]["me5-small-q4 bm25"] == pair
    assert len([path for path in pages if path.startswith("compare/mini/")]) == 6
    assert "compare/xquad.html" not in pages  # a single system


def test_queries_that_moved_show_their_questions(site: SiteData) -> None:
    pair = next(p for p in pairs_of(site, "mini-x") if p.second.result["model"] == "muse-small")
    texts: dict[str, str] = {}
    for line in (SOURCE / "ja.jsonl").read_text(encoding="utf-8").splitlines():
        passage = json.loads(line)
        texts |= {f"{passage['id']}-{i}": text for i, text in enumerate(passage["questions"], start=1)}
    moves = next(moves for moves in pair.moved if moves.code == "ja")
    assert [(move.query, move.text) for move in moves.queries] == [
        (one["query"], texts[one["query"]]) for line in pair.lines if line.code == "ja" for one in line.values["moved"]
    ]
    html = next(page for page in compare.pages(site) if page.path == pair.page).content.decode()
    move = moves.queries[0]
    assert f'<span class="asked" lang="ja" dir="auto">{move.text}</span> <small>{move.query}</small>' in html


def test_questions_are_cut_escaped_and_kept_to_cards_that_allow_them(tmp_path: Path) -> None:
    board = measured(tmp_path / "board")
    hostile = "<img src=x onerror=alert(1)>\u202e " + "word " * 60
    for task in ("mini", "mini-x"):
        path = board / task / "questions.parquet"
        write_questions(path, [one._replace(text=hostile) for one in read_questions(path)])
    data = SiteData(board, tuple(standings(board, ("measured",))))
    pair = pairs_of(data, "mini")[0]
    html = next(page for page in compare.pages(data) if page.path == pair.page).content.decode()
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert {len(move.text or "") for moves in pair.moved for move in moves.queries} <= set(range(140, 163))
    (board / "miracl").mkdir()
    (board / "mini" / "questions.parquet").rename(board / "miracl" / "questions.parquet")
    assert data.question("miracl", "en", "nile-1") is None  # Its card does not say that texts may be shown.
    assert SiteData(board, data.results).question("mini", "en", "nile-1") is None
