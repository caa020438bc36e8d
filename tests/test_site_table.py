"""The table of a task and the comparison of systems in a real browser: sorting, filters, measures, links, keyboard."""

from __future__ import annotations

import json
import re
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from boards import store
from siteboards import BOARD, many
from sitetab import Tab, built_in, column, names, shows


def test_sorting_goes_both_ways_and_back(tab: Tab) -> None:
    page = tab.open("task/mini.html")
    ranked = names(page)
    assert ranked == ["me5-small-q4", "rrf(bm25, me5-small-q4)", "muse-small", "bm25"]
    head = page.locator("#board thead th[data-code=de]")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(text.strip("()!")) for text in column(page, "de")]
    assert values == sorted(values, reverse=True)
    assert names(page)[0] == "muse-small"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page)[-1] == "muse-small"
    head.locator("button").click()
    assert (head.get_attribute("aria-sort"), names(page)) == (None, ranked)


def test_what_is_in_sight_comes_first_and_the_rest_at_once_after(browser: Any, site: Path) -> None:
    with Tab(browser, site, width=500) as tab:
        page = tab.open("task/mteb-wide.html")
        wide = page.evaluate("document.querySelector('.sheet').scrollWidth")
        told = page.evaluate(
            """() => { document.querySelector('#board thead th[data-code=l03] button').click();
            const seen = cell => cell.checkVisibility({contentVisibilityAuto: true}) && cell.offsetWidth > 0;
            const row = document.querySelector('#board tbody:not([hidden]) tr[id]');
            return [seen(row.cells[1]), seen(row.cells[row.cells.length - 1]),
                    document.querySelector('.sheet').scrollWidth]; }"""
        )
        assert told == [True, False, wide]
        page.locator("#board:not(.soon)").wait_for()
        assert page.locator("#board tbody:not([hidden]) tr[id] td:last-child").first.is_visible()
        assert page.locator("#board .wait").count() == 0
        assert tab.wrong == []


def falling(page: Any, code: str) -> list[bool]:
    """Whether a column falls from row to row, in the part with ranked rows and in that with the others."""
    parts = page.eval_on_selector_all(
        "#board tbody:not([hidden])", "bodies => bodies.map(body => body.querySelectorAll('tr[id]').length)"
    )
    values = iter([float(re.sub(r"[^.0-9]", "", text) or "nan") for text in column(page, code)])
    found = [[one for one in islice(values, count) if one == one] for count in parts]
    return [part == sorted(part, reverse=True) and len(part) > 2 for part in found]


def test_rows_in_sight_are_sorted_at_once_and_all_of_them_a_moment_later(browser: Any, tmp_path: Path) -> None:
    site = built_in(many(tmp_path / "board", systems=200, subsets=5), tmp_path / "out").out
    with Tab(browser, site) as tab:
        page = tab.open("task/mteb-wide.html")
        ranked = names(page)
        seen = page.evaluate(
            """() => { document.querySelector('#board thead th[data-code=l03] button').click();
            const found = [], rows = document.querySelectorAll('#board tbody:not([hidden]) tr[id]');
            for (const tr of rows) if (tr.getBoundingClientRect().top < innerHeight) found.push(tr.cells[1].title);
            return {found, of: rows.length, busy: document.getElementById('board').ariaBusy}; }"""
        )
        page.locator("#board:not([aria-busy])").wait_for()
        titles = page.eval_on_selector_all(
            "#board tbody:not([hidden]) tr[id]", "rows => rows.map(tr => tr.cells[1].title)"
        )
        assert falling(page, "l03") == [True, True]
        assert (seen["of"], seen["busy"]) == (200, "true")
        assert 5 < len(seen["found"]) < 100
        assert seen["found"] == titles[: len(seen["found"])]
        assert sorted(names(page)) == sorted(ranked) != names(page)
        for _ in range(4):  # Faster than the rows out of sight follow.
            page.evaluate("document.querySelector('#board thead th[data-code=l03] button').click()")
        page.evaluate("document.querySelector('#board thead th[data-code=l02] button').click()")
        page.fill("#f-q", "model-0")
        page.fill("#f-q", "")
        assert falling(page, "l02") == [True, True]
        assert sorted(names(page)) == sorted(ranked)
        assert tab.wrong == []


def test_filters_say_how_many_are_left(tab: Tab) -> None:
    page = tab.open("task/mteb-wide.html")
    assert len(names(page)) == 16
    page.fill("#f-q", "org3 00")
    assert names(page) == [name for name in names(page) if "org3/model-00" in name]
    assert 0 < len(names(page)) < 16
    assert page.inner_text("#count") == f"{len(names(page))} of 16 systems"
    page.fill("#f-q", "nothing of that name")
    assert names(page) == []
    page.click("#reset")
    assert len(names(page)) == 16
    page.select_option("#f-size", "50")
    sizes = page.eval_on_selector_all(
        "#board tbody:not([hidden]) tr[id]", "rows => rows.map(row => Number(row.dataset.size))"
    )
    assert sizes
    assert max(sizes) <= 50


@pytest.mark.parametrize(
    ("choice", "value", "left"),
    [
        ("method", "lexical", {"bm25"}),
        ("method", "fusion", {"rrf(bm25, me5-small-q4)"}),
        ("licence", "mit", {"me5-small-q4"}),
        ("size", "150", {"me5-small-q4"}),
        ("trained", "declared inherited", set()),
        ("trained", "no", {"bm25", "me5-small-q4", "muse-small", "rrf(bm25, me5-small-q4)"}),
    ],
)
def test_each_filter_keeps_what_it_names_and_is_in_the_link(tab: Tab, choice: str, value: str, left: set[str]) -> None:
    page = tab.open("task/mini.html")
    page.select_option(f"#f-{choice}", value)
    kept = set(names(page))
    assert kept == left
    link = page.url
    tab.open("index.html")
    page.goto(link)
    assert (set(names(page)), page.input_value(f"#f-{choice}")) == (kept, value)


def test_measured_imported_and_reported_numbers_can_be_told_apart(browser: Any, tmp_path: Path) -> None:
    board = tmp_path / "board"
    store(board, "own", {"en": {"q1": 0.5}}, task="miracl", bare=False)
    (board / "reported").mkdir()
    shutil.copy(BOARD / "reported" / "pyserini-2cr-miracl.csv", board / "reported")
    with Tab(browser, built_in(board, tmp_path / "out").out) as tab:
        page = tab.open("task/miracl.html")
        both = names(page)
        page.select_option("#f-from", "measured")
        assert names(page) == ["own"]
        page.select_option("#f-from", "reported")
        assert sorted([*names(page), "own"]) == sorted(both) and len(both) > 3
        assert tab.wrong == []


def test_on_a_phone_filters_are_one_step_away(browser: Any, site: Path) -> None:
    with Tab(browser, site, width=400) as tab:
        page = tab.open("task/mini.html")
        assert not page.locator("#f-method").is_visible()
        page.click("#more")
        assert page.locator("#f-method").is_visible()
        assert page.get_attribute("#more", "aria-expanded") == "true"
        page.select_option("#f-method", "lexical")
        assert names(page) == ["bm25"]
        assert tab.wrong == []


def test_another_measure_and_back(tab: Tab, site: Path) -> None:
    page = tab.open("task/mini.html")
    before = page.inner_text("#board tbody")
    page.select_option("#measure", "R@5")
    shows(page, "R@5")
    rows = json.loads((site / "data/mini.json").read_text(encoding="utf-8"))
    expected = {row["model"]: row["languages"]["bn"]["R@5"] for row in rows}
    shown = dict(zip(names(page), column(page, "bn"), strict=True))
    assert {name: float(text.strip("()!")) for name, text in shown.items()} == {
        name: pytest.approx(value, abs=0.00051) for name, value in expected.items()
    }
    page.select_option("#measure", "nDCG@10")
    shows(page, "nDCG@10")
    assert page.inner_text("#board tbody") == before  # to the last digit


def test_a_link_keeps_measure_filter_order_and_cell(tab: Tab) -> None:
    page = tab.open("task/mini.html#m=R%405&sort=fi&dir=asc&q=small&row=muse-small&col=te")
    shows(page, "R@5")
    assert page.input_value("#f-q") == "small"
    assert page.locator("#board thead th[data-code=fi]").get_attribute("aria-sort") == "ascending"
    assert all("small" in name for name in names(page))
    assert page.locator("#muse-small td.chosen").count() == 1
    assert "muse-small" in page.inner_text("#readout")
    page = tab.open("task/mini.html#bm25")
    assert page.locator("#bm25.chosen").count() == 1
    page = tab.open("task/mini.html#m=nothing&sort=nowhere&size=%00&row=%E0%A4%A&col=constructor")
    assert len(names(page)) == 4


def test_the_table_by_keyboard_alone(tab: Tab) -> None:
    page = tab.open("task/mini.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#board thead th[data-code=ar] button").focus()
    page.keyboard.press("Enter")
    assert page.locator("#board thead th[data-code=ar]").get_attribute("aria-sort") == "descending"
    page.locator("#board tbody [tabindex='0']").first.focus()
    start = page.evaluate("document.activeElement.parentElement.id")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.parentElement.id") != start
    assert page.evaluate("document.activeElement.cellIndex") == 2
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.cellIndex") == page.locator("#board thead th").count() - 1
    assert page.locator("#board tbody [tabindex='0']").count() == 1  # one stop for the whole table


def test_what_is_copied_is_the_command_that_is_shown(browser: Any, site: Path) -> None:
    with Tab(browser, site) as tab:
        page = tab.open("system/me5-small-q4.html")
        button = page.locator("button[data-copy]").first
        shown = page.inner_text(f"#{button.get_attribute('data-copy')}")
        assert shown.startswith("bench run --model me5-small-q4 --task ")
        page.evaluate(
            "document.addEventListener('copy', event => { window.copied = String(getSelection()) || event.target.value; });"
            "Object.defineProperty(navigator, 'clipboard', "
            "{ value: { writeText: text => { window.copied = text; return Promise.resolve(); } } });"
        )
        button.click()
        page.locator("button", has_text="Copied").wait_for()
        assert page.evaluate("window.copied").strip() == shown.strip()
        assert tab.wrong == []


# --- comparing


def test_any_systems_can_be_compared_and_linked(tab: Tab, site: Path) -> None:
    page = tab.open("compare/mini.html#m=R@5&s=bm25&s=muse-small")
    rows = {row["model"]: row for row in json.loads((site / "data/mini.json").read_text(encoding="utf-8"))}
    assert page.inner_text("#shown-measure") == "R@5"
    heads = page.eval_on_selector_all("#compare thead th a", "links => links.map(link => link.textContent)")
    assert heads == ["bm25", "muse-small"]
    cells = page.locator("#compare tbody tr").first.locator("td").all_inner_texts()
    difference = rows["muse-small"]["mean"]["R@5"] - rows["bm25"]["mean"]["R@5"]
    assert cells[1].split() == [f"{rows['muse-small']['mean']['R@5']:.3f}"[1:], f"{difference:+.3f}".replace("0.", ".")]
    page.click("#add")
    assert page.locator("#compare thead th a").count() == 3
    page.locator("#chosen select").nth(2).select_option("me5-small-q4")
    assert page.url.endswith("#m=R%405&s=bm25&s=muse-small&s=me5-small-q4")
    assert page.locator("#summary a").count() == 2  # both have a page, query by query
    page.locator("#summary a").first.click()
    assert page.url.endswith("compare/mini/muse-small/bm25.html")


def test_the_script_shows_the_same_numbers_as_the_page_without(browser: Any, site: Path) -> None:
    tables = []
    for enabled in (True, False):
        with Tab(browser, site, java_script_enabled=enabled) as tab:
            page = tab.open("compare/mini.html")
            tables.append(page.locator("#compare").inner_text().split("\n", 1)[1])
    assert tables[0] == tables[1]
