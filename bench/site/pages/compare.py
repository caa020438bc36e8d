"""The pages that compare: one for all tasks, one a task for any of its systems, one a pair with per-query scores."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bench.site.data import SiteData
from bench.site.page import Page, rendered
from bench.site.sheets import Sheet, files_of
from bench.site.sides import Sides, sides_of
from bench.site.versus import HEAD, Versus, pairs_of, sheet_rows


def pages(site: SiteData) -> Iterator[Page]:
    """`compare.html`, and below `compare/` a page a task and a page a pair, with the data of both."""
    tasks = []
    everything: list[Versus] = []
    for task in site.by_task:
        sides, pairs = sides_of(site, task), pairs_of(site, task)
        if len(sides.sides) > 1:
            tasks.append((task, page_of(site, task), sides, pairs))
            everything += pairs
    for task, page, sides, pairs in tasks:
        script = f"{site.folder}data/compare/{site.task_stem(task)}.js"
        context = {"site": site, "task": task, "sides": sides, "pairs": pairs}
        yield rendered("compare_task.html", page, script=script, **context)
        yield Page(script, _script(sides, pairs))
    for versus in everything:
        yield rendered("versus.html", versus.page, site=site, versus=versus, up=page_of(site, versus.task))
    sheet = Sheet("comparisons", "Comparisons query by query", HEAD, list(sheet_rows(everything)))
    yield rendered("compare.html", f"{site.folder}compare.html", site=site, tasks=tasks, sheet=sheet)
    if site.release is None:
        yield from files_of(sheet)


def page_of(site: SiteData, task: str) -> str:
    """The path of the page that compares the systems of a task."""
    return f"{site.folder}compare/{site.task_stem(task)}.html"


def _script(sides: Sides, pairs: list[Versus]) -> bytes:
    """The data of a page as a script, for a page from disk may read nothing else; all of it JSON in ASCII."""
    pages = {f"{pair.first.key} {pair.second.key}": pair.page for pair in pairs}
    data = json.dumps(sides.data(pages), allow_nan=False, separators=(",", ":"))
    return f"window.benchCompare = {data};\n".encode()
