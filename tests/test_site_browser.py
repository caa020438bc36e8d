"""The site in a real browser, from disk: nothing fails, nothing runs that should not, and everyone can use it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from siteboards import hostile
from sitetab import Tab, all_pages, built_in

axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="no axe: make everything, or pip install '.[browser]'"
)

KINDS = (
    "index.html",
    "systems.html",
    "system/me5-small-q4.html",
    "task/mini.html",
    "task/mrtydi.html",
    "task/mteb-wide.html",
    "compare.html",
    "compare/mini.html",
    "compare/mini/me5-small-q4/bm25.html",
    "plots.html",
    "audit.html",
    "releases.html",
    "release/2026.1/index.html",
    "release/2026.1/task/mini.html",
    "downloads.html",
)


LOOK = ["color-contrast", "scrollable-region-focusable", "target-size", "link-in-text-block"]
"""The rules of axe that see another page where colours and width are others."""


def test_every_kind_of_page_opens_from_disk_and_links_to_what_is_there(tab: Tab, site: Path) -> None:
    visited(tab, site, list(KINDS))


@pytest.mark.slow
def test_every_page_opens_from_disk_and_links_to_what_is_there(tab: Tab, site: Path) -> None:
    ids, wanted = visited(tab, site, all_pages(site))
    for path, target, fragment in wanted:
        if fragment and "=" not in fragment and target.endswith(".html"):
            assert fragment in ids[target], (path, target, fragment)


def visited(tab: Tab, site: Path, pages: list[str]) -> tuple[dict[str, set[str]], set[tuple[str, str, str]]]:
    """The ids on each page, and from where its links lead to which file and place; `tab` keeps what goes wrong."""
    ids: dict[str, set[str]] = {}
    wanted: set[tuple[str, str, str]] = set()
    for path in pages:
        tab.page.goto(f"{tab.root.as_uri()}/{path}", wait_until="load")
        title, heads, identities, links = tab.page.evaluate(
            "[document.title, document.querySelectorAll('h1').length, "
            "[...document.querySelectorAll('[id]')].map(node => node.id), "
            "[...document.querySelectorAll('a[href]')].map(link => link.href)]"
        )
        assert title.endswith("· bench") and heads == 1, path
        ids[path] = set(identities)
        for link in links:
            parts = urlsplit(link)
            if parts.scheme != "file":
                assert parts.scheme in ("http", "https"), (path, link)
                continue
            target = Path(unquote(parts.path)).relative_to(site.resolve()).as_posix()
            assert (site / target).is_file(), (path, link)
            wanted.add((path, target, unquote(parts.fragment)))
    return ids, wanted


@pytest.mark.parametrize("width", [400, 900])
def test_no_page_is_wider_than_the_window(browser: Any, site: Path, width: int) -> None:
    with Tab(browser, site, width=width) as tab:
        for path in KINDS:
            page = tab.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page = tab.open("task/mini.html")
        page.evaluate("document.querySelector('.sheet').scrollLeft = 300")
        held = page.locator("#board tbody th[scope=row]").first.bounding_box()
        sheet = page.locator(".sheet").first.bounding_box()
        assert 0 <= held["x"] - sheet["x"] <= 2  # the names stay where the numbers scroll
        assert tab.wrong == []


def test_axe_finds_nothing(browser: Any, site: Path) -> None:
    with Tab(browser, site) as tab:
        for path in ("index.html", "system/bm25.html", "task/mrtydi.html"):
            assert violations(tab.open(path)) == [], path


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 400)])
def test_axe_finds_nothing_on_any_kind_of_page(browser: Any, site: Path, scheme: str, width: int) -> None:
    with Tab(browser, site, width=width, color_scheme=scheme) as tab:
        for path in KINDS:
            assert violations(tab.open(path), None if scheme == "light" else LOOK) == [], path


def violations(page: Any, rules: list[str] | None = None) -> list[tuple[str, list[Any]]]:
    """What axe finds by all of its rules, or by some, each with the first places."""
    options = {"runOnly": rules} if rules else {}
    found = axe.Axe().run(page, options=options).response["violations"]
    return [(rule["id"], [node["target"] for node in rule["nodes"]][:3]) for rule in found]


def test_charts_follow_light_and_dark(browser: Any, site: Path) -> None:
    """The colour of a chart's letters is that of the scheme which the reader has chosen on the page."""
    shades = {}
    for scheme in ("light", "dark"):
        with Tab(browser, site, color_scheme=scheme) as tab:
            page = tab.open("plots.html")
            image = page.locator("figure img").first
            image.scroll_into_view_if_needed()
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
            shades[scheme] = page.evaluate("getComputedStyle(document.querySelector('figure img')).colorScheme")
            assert tab.wrong == []
    assert shades == {"light": "light", "dark": "dark"}


def test_nothing_moves_while_a_page_opens(browser: Any, site: Path) -> None:
    with Tab(browser, site) as tab:
        tab.context.add_init_script(
            "window.moved = 0; new PerformanceObserver(list => { for (const shift of list.getEntries()) "
            "window.moved += shift.value; }).observe({type: 'layout-shift', buffered: true});"
        )
        for path in ("task/mini.html", "task/mteb-wide.html", "compare/mini.html", "system/me5-small-q4.html"):
            page = tab.open(path)
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            assert page.evaluate("window.moved") < 0.01, path
        assert tab.wrong == []


def test_to_a_screen_reader_the_table_is_a_table(tab: Tab) -> None:
    """As Chromium tells assistive technology: rows are boxes of their own to the eye, and rows of a table to the ear."""
    page = tab.open("task/mini.html")
    told = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = Counter(node["role"]["value"] for node in told if not node["ignored"])
    heads, rows = page.locator("#board thead th").count(), page.locator("#board tbody tr[id]").count()
    assert (roles["table"], rows) == (1, 4)
    assert roles["columnheader"] >= heads and roles["rowheader"] >= rows
    assert roles["cell"] == rows * (heads - 1)
    table = next(node for node in told if node["role"]["value"] == "table")
    assert table["name"]["value"].startswith("mini: nDCG@10")


# --- without script, and with texts that want one


def test_without_script_tables_links_and_charts_are_there(browser: Any, site: Path) -> None:
    with Tab(browser, site, java_script_enabled=False) as tab:
        page = tab.open("task/mini.html")
        assert page.locator("#board tbody tr[id]").count() == 4
        assert not page.locator(".tools").first.is_visible()
        assert not page.locator("#readout").is_visible()
        page.locator("#board a", has_text="muse-small").first.click()
        assert page.url.endswith("system/muse-small.html")
        assert not page.locator("button:visible").count()
        page = tab.open("plots.html")
        assert page.locator("figure img").first.is_visible()
        page = tab.open("compare/mini.html")
        assert page.locator("#compare tbody tr").count() == 19
        assert tab.wrong == []


def test_hostile_texts_are_texts(browser: Any, tmp_path: Path) -> None:
    built = built_in(hostile(tmp_path / "board"), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"board", "out", "out-cache"}  # nothing left its folder
    pages = all_pages(built.out)
    assert any(path.startswith("compare/") and path.count("/") == 3 for path in pages)
    with Tab(browser, built.out, width=400) as tab:
        for path in pages:
            page = tab.open(path)
            assert page.title().endswith("· bench")
            assert page.evaluate("window.owned") is None, path
            assert page.locator("[onclick], [onerror], main script, main img:not([src*='plots/'])").count() == 0, path
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, path
            links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
            assert all(urlsplit(link).scheme in ("file", "http", "https") for link in links)
            inside = [Path(unquote(urlsplit(link).path)) for link in links if link.startswith("file:")]
            assert all(path.is_relative_to(built.out.resolve()) for path in inside)
            commands = page.locator("[id^=command]").all_inner_texts()
            assert not any("owned" in text for text in commands), path
            for control in page.locator("select:visible").all():
                control.select_option(index=control.locator("option").count() - 1)
        assert tab.wrong == []
