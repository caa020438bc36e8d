"""Not written yet."""

from __future__ import annotations

from collections.abc import Iterator

from bench.site.data import SiteData
from bench.site.page import Page


def pages(_site: SiteData) -> Iterator[Page]:
    """None."""
    yield from ()
