"""A page of the site in a real browser, from disk, and what tests ask of it; skipped where there is no browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from bench.site.build import Built

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: make everything, or apt-get install chromium")
    why = "no playwright: make everything, or pip install '.[browser]'"
    with pytest.importorskip("playwright.sync_api", reason=why).sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True)
        yield started
        started.close()


@pytest.fixture(scope="session")
def site_board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small board of every kind of number."""
    from siteboards import small

    return small(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, site_board: Path) -> Path:
    """Its site."""
    return built_in(site_board, tmp_path_factory.mktemp("site")).out


@pytest.fixture
def tab(browser: Any, site: Path) -> Iterator[Tab]:
    with Tab(browser, site) as opened:
        yield opened
        assert opened.wrong == []


def built_in(board: Path, out: Path) -> Built:
    from bench.site.build import build

    pytest.importorskip("matplotlib", reason="a build draws charts: make everything, or pip install '.[site]'")
    return build(board, out, cache=out.parent / f"{out.name}-cache")


class Tab:
    """A page that keeps what goes wrong: messages on the console, errors, dialogs, requests that leave the folder."""

    def __init__(self, browser: Any, root: Path, *, width: int = 1200, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)  # Where several share a core, a page may take its time.
        self.root = root.resolve()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)
        self.page.on("requestfailed", self._failed)

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        inside = parts.scheme == "file" and Path(unquote(parts.path)).is_relative_to(self.root)
        if not inside and parts.scheme not in ("data", "about"):
            self.wrong.append(f"request: {request.url}")

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # Another page was opened before this one's icon was there.
            self.wrong.append(f"failed: {request.url}: {request.failure}")

    def open(self, path: str) -> Any:
        """The page at a path of the site, with what stands after `#`."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.root.as_uri()}/{path}", wait_until="load")
        return self.page

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def all_pages(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.html"))


def shows(page: Any, measure: str) -> None:
    """Wait until the table shows a measure; Playwright's wait for an expression needs the `eval` that pages forbid."""
    page.locator("#shown-measure", has_text=re.compile(f"^{re.escape(measure)}$")).wait_for()
    page.locator("#board:not(.soon)").wait_for()  # What is not in sight comes a moment later.


def settled(page: Any) -> None:
    """Wait until the rows out of sight have followed those in sight."""
    page.locator("#board:not([aria-busy])").wait_for()


def names(page: Any) -> list[str]:
    """The systems that the table shows, in order."""
    settled(page)
    found: list[str] = page.eval_on_selector_all(
        "#board tbody:not([hidden]) tr[id]", "rows => rows.map(row => row.cells[1].querySelector('a').textContent)"
    )
    return found


def column(page: Any, code: str) -> list[str]:
    """What stands in a column of the table, by its head's code."""
    settled(page)
    found: list[str] = page.evaluate(
        """code => { const heads = [...document.querySelectorAll('#board thead th')];
        const at = heads.findIndex(head => head.dataset.code === code);
        return [...document.querySelectorAll('#board tbody:not([hidden]) tr[id]')].map(row => row.cells[at].textContent); }""",
        code,
    )
    return found
