"""The home page: the tasks, what each asks, the best systems, coverage, and what is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.leaderboard.standings import tables_of
from bench.site.cells import number
from bench.site.columns import subsets_of
from bench.site.data import Result, SiteData
from bench.site.history import news_of
from bench.site.page import Page, rendered
from bench.site.sureness import sureness
from bench.site.tasktable import main_measure, rows_of


class Best(NamedTuple):
    """The first of a ranked table; `among` is the number of its ranked results, `of` that of all."""

    kind: str
    source: str
    model: str
    link: str
    mean: str
    interval: str
    among: int
    of: int


class Told(NamedTuple):
    """A task as the home page tells of it."""

    name: str
    page: str
    title: str
    asks: str
    measure: str
    subsets: int
    results: int
    complete: int
    best: tuple[Best, ...]


def pages(site: SiteData) -> Iterator[Page]:
    """`index.html`: tasks with a card here, their other splits, and those known from mteb alone."""
    told = [_told(site, task) for task in site.by_task]
    own = [task for task in told if site.task_card(task.name) and "@" not in task.name]
    splits = [task for task in told if site.task_card(task.name) and "@" in task.name]
    other = [task for task in told if not site.task_card(task.name)]
    groups = [("Tasks", own), ("Other splits", splits), ("Tasks of mteb and others", other)]
    yield rendered(
        "home.html",
        "index.html",
        site=site,
        groups=[(title, tasks) for title, tasks in groups if tasks],
        results=len(site.results),
        systems=len(site.by_system),
        news=news_of(site),
    )


def _told(site: SiteData, task: str) -> Told:
    results, card, measure = site.by_task[task], site.task_card(task), main_measure(site, task)
    best = [found for table in tables_of(results) if (found := _best(site, task, table, measure))]
    return Told(
        task,
        site.task_page(task),
        card.title if card else task,
        card.description if card else "",
        measure,
        len(subsets_of(site, task)),
        len(results),
        sum(bool(result["complete"]) for result in results),
        tuple(best),
    )


def _best(site: SiteData, task: str, table: Sequence[Result], measure: str) -> Best | None:
    """The best of a table, None where nothing in it has a rank."""
    ranked = [result for result in table if result["ranks"].get(measure) is not None]
    if not ranked:
        return None
    first = min(ranked, key=lambda result: (result["ranks"][measure], result["model"]))
    sure = sureness(site, task, measure).get(first["identity"]) if first["kind"] == "measured" else None
    ends = ((sure or {}).get("mean") or {}).get("interval")
    return Best(
        first["kind"],
        _source(first),
        str(first["model"]),
        f"{site.task_page(task)}#{rows_of(site, task)[id(first)].key}",
        number(first["mean"][measure]),
        "{}–{}".format(*map(number, ends)) if ends else "",
        len(ranked),
        len(table),
    )


def _source(result: Result) -> str:
    """What tells the sources of a task apart: the table, or the data of imported numbers."""
    origin = result.get("origin") or {}
    if result["kind"] == "imported":
        return f"data {str(origin['dataset_revision'])[:8]}" if origin.get("dataset_revision") else ""
    return " ".join(str(origin[key]) for key in ("source", "table") if origin.get(key))
