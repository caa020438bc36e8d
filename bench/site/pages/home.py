"""The home page: the tasks, what each asks, the best systems, coverage."""

from __future__ import annotations

from collections.abc import Iterator

from bench.site.data import SiteData
from bench.site.page import Page, rendered


def pages(site: SiteData) -> Iterator[Page]:
    """`index.html`."""
    yield rendered("home.html", "index.html", site=site)
