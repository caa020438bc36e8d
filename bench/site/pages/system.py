"""The pages of the systems, and the list of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.site.data import SiteData
from bench.site.markup import licence_key
from bench.site.page import Page, rendered
from bench.site.systemview import system_view
from bench.site.traits import size_text


class Listed(NamedTuple):
    """A system in the list."""

    name: str
    page: str
    kinds: str
    method: str
    size: str
    licence: str
    tasks: int


def pages(site: SiteData) -> Iterator[Page]:
    """`systems.html`, and `system/<stem>.html` for each."""
    listed = [_listed(site, system) for system in site.by_system]
    yield rendered("systems.html", f"{site.folder}systems.html", site=site, listed=listed)
    for system in site.by_system:
        traits = site.traits(site.by_system[system][0])
        view = system_view(site, system)
        yield rendered(
            "system.html",
            site.system_page(system),
            site=site,
            view=view,
            traits=traits,
            size=size_text(traits.parameters),
        )


def _listed(site: SiteData, system: str) -> Listed:
    results = site.by_system[system]
    traits = [site.traits(result) for result in results]
    kinds = [kind for kind in ("measured", "imported", "reported") if any(r["kind"] == kind for r in results)]
    licence = next((t.licence for t in traits if t.licence), None)
    return Listed(
        system,
        site.system_page(system),
        ", ".join(kinds),
        next((t.method for t in traits if t.method), "") or "",
        size_text(next((t.parameters for t in traits if t.parameters), None)),
        licence_key(licence),
        len({result["task"] for result in results}),
    )
