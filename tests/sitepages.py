"""The pages of a built site as trees, and the parts of them that tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import html

from bench.site.data import site_data
from bench.site.pages import home, system, task


def read(path: Path) -> Any:
    return html.fromstring(path.read_text(encoding="utf-8"))


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


# --- what every page holds to


def body_rows(tree: Any) -> list[Any]:
    return tree.xpath("//table[@id='board']/tbody/tr[@id]")


def written(board: Path, out: Path) -> Path:
    """The home page, and those of tasks and systems, without the cache: all that these tests look at."""
    data = site_data(board)
    for page in (page for pages_of in (home.pages, task.pages, system.pages) for page in pages_of(data)):
        path = out / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.content)
    return out
