"""The page of downloads: every table in three formats, each number with its status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.site.data import SiteData
from bench.site.page import Page, rendered
from bench.site.sheets import FORMATS
from bench.site.tasksheets import task_files


class Offer(NamedTuple):
    """A task's files: (format, path, size in words)."""

    task: str
    results: int
    files: tuple[tuple[str, str, str], ...]


def pages(site: SiteData) -> Iterator[Page]:
    """`downloads.html`, and `data/<task>.csv`, `.json` and `.parquet`."""
    offers = []
    for task, results in site.by_task.items():
        files = list(task_files(site, task))
        offers.append(Offer(task, len(results), tuple(_offered(page) for page in files)))
        yield from files
    yield rendered("downloads.html", "downloads.html", site=site, offers=offers, formats=FORMATS)


def _offered(page: Page) -> tuple[str, str, str]:
    size = len(page.content)
    text = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
    return page.path.rsplit(".", 1)[-1], page.path, text
