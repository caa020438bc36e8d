"""The page of the audit: what was found in printed tables, with the table and the reason."""

from __future__ import annotations

from collections.abc import Iterator

from bench.site.data import SiteData
from bench.site.findings import audit_of
from bench.site.page import Page, rendered
from bench.site.sheets import files_of


def pages(site: SiteData) -> Iterator[Page]:
    """`audit.html`, and its findings to download."""
    audit = audit_of(site)
    yield rendered("audit.html", "audit.html", site=site, audit=audit)
    yield from files_of(audit.sheet)
