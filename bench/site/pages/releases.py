"""The releases: what changed from one to the next, and the tables of each as they were frozen."""

from __future__ import annotations

from collections.abc import Iterator

from bench.leaderboard.standings import standings
from bench.site.data import SiteData
from bench.site.history import changes_sheet, steps_of
from bench.site.page import Page, rendered
from bench.site.pages import system, task
from bench.site.sheets import files_of
from bench.site.tasksheets import task_files


def pages(site: SiteData) -> Iterator[Page]:
    """`releases.html`, and below `release/<version>/` the tables, systems and downloads of each release."""
    steps = steps_of(site)
    yield rendered("releases.html", "releases.html", site=site, steps=steps)
    if site.versions:
        yield from files_of(changes_sheet(site))
    for step in steps:
        if step.folder:
            past = of_release(site, step.version)
            yield rendered("release.html", f"{step.folder}index.html", site=past, steps=steps, step=step)
            yield from task.pages(past)
            yield from system.pages(past)
            for name in past.by_task:
                yield from task_files(past, name)


def of_release(site: SiteData, version: str) -> SiteData:
    """What was measured, as it was frozen; what others computed or printed is in the tables of today alone."""
    results = tuple(standings(site.board, ("measured",), release=version))
    return SiteData(site.board, results, site.versions, version, site.cache)
