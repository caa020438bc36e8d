"""The pages of the tasks: a table each, with its data for the script; very wide ones in parts, with an index."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from bench.site.columns import MOST, Column, Part, parts_of, plain_columns, subsets_of
from bench.site.data import SiteData
from bench.site.markup import bounds, licence_key, table_body, width_class
from bench.site.page import Page, rendered
from bench.site.sureness import sureness
from bench.site.taskline import Row, Sureness
from bench.site.tasktable import Table, rows_of, shown_measures, task_table
from bench.site.traits import METHODS
from bench.task import Task

_SIZES = (("50", "up to 50M"), ("150", "up to 150M"), ("600", "up to 600M"), ("2000", "up to 2B"), ("more", "larger"))
_TRAINED = (
    ("no", "not on it, as stated"),
    ("no unknown", "not known to be on it"),
    ("declared inherited", "on it or a relative"),
    ("unknown", "not known"),
)


class Choices(NamedTuple):
    """What the filters offer: pairs of value and text."""

    kinds: list[tuple[str, str]]
    methods: list[tuple[str, str]]
    sizes: Sequence[tuple[str, str]]
    licences: list[tuple[str, str]]
    trained: Sequence[tuple[str, str]]


class View(NamedTuple):
    """What a page with a table shows; `stem` names its data, `home` is the page of means of a task in parts."""

    title: str
    stem: str
    home: str
    measure: str
    measures: Sequence[str]
    caption: str
    across: str
    split: str
    systems: int
    subsets: int
    kinds: list[tuple[str, int]]
    parts: Sequence[Column]
    part: Part | None
    choices: Choices
    sure: bool
    widths: str
    body: Markup
    low: str
    high: str


class _Task(NamedTuple):
    """One task with what all its pages need."""

    site: SiteData
    name: str
    stem: str
    card: Task | None
    subsets: Sequence[str]
    measures: Sequence[str]
    rows: Mapping[int, Row]
    sure: Mapping[str, Sureness]


def pages(site: SiteData) -> Iterator[Page]:
    """`task/<stem>.html` with `data/<stem>.js`, and those of the parts of a task with very many columns."""
    for name in site.by_task:
        measures = shown_measures(site, name)
        task = _Task(
            site,
            name,
            site.task_stem(name),
            site.task_card(name),
            subsets_of(site, name),
            measures,
            rows_of(site, name),
            {measure: sureness(site, name, measure) for measure in measures},
        )
        yield from _whole(task) if len(task.subsets) <= MOST else _in_parts(task)


def _whole(task: _Task) -> Iterator[Page]:
    yield from _page(task, task.site.task_page(task.name), task.stem, plain_columns(task.subsets))


def _in_parts(task: _Task) -> Iterator[Page]:
    parts = parts_of(task.subsets)
    columns = [_part_column(task, part) for part in parts]
    yield from _page(task, task.site.task_page(task.name), task.stem, columns, columns)
    for part, column in zip(parts, columns, strict=True):
        here = Column("_part", "part", f"mean over the {len(part.subsets)} subsets of this page", part.subsets)
        shown = [*([here] if here.is_mean else []), *plain_columns(part.subsets)]
        yield from _page(task, str(column.page), f"{task.stem}-{part.file}", shown, columns, part)


def _part_column(task: _Task, part: Part) -> Column:
    title = f"{part.name}: mean over {len(part.subsets)} subsets"
    page = f"{task.site.folder}task/{task.stem}/{part.file}.html"
    return Column(f"_{part.file}", part.name, title, part.subsets, page)


def _page(
    task: _Task, path: str, stem: str, columns: Sequence[Column], parts: Sequence[Column] = (), part: Part | None = None
) -> Iterator[Page]:
    """A page and its data."""
    tables = [task_table(task.site, task.name, m, columns, task.rows, task.sure[m]) for m in task.measures]
    view = _view(task, path, stem, tables[0], parts, part)
    counts = list(_counts(task.card, view.split, task.subsets)) if task.card else []
    yield rendered("task.html", path, site=task.site, task=task.name, card=task.card, view=view, counts=counts)
    yield Page(f"{task.site.folder}data/{stem}.js", _script(stem, tables))


def _view(task: _Task, path: str, stem: str, table: Table, parts: Sequence[Column], part: Part | None) -> View:
    results = task.site.by_task[task.name]
    split = task.name.partition("@")[2] or (task.card.split if task.card else str(results[0]["split"]))
    low, high = bounds(table)
    kinds = Counter(result["kind"] for result in results)
    return View(
        title=f"{task.name}: {part.name}" if part else task.card.title if task.card else task.name,
        stem=stem,
        home=task.site.task_page(task.name),
        measure=table.measure,
        measures=task.measures,
        caption=f"{task.name}, {part.name}" if part else task.name,
        across="parts" if parts and not part else "subsets",
        split=split,
        systems=len(task.rows),
        subsets=len(task.subsets),
        kinds=[(kind, kinds[kind]) for kind in ("measured", "imported", "reported") if kinds[kind]],
        parts=parts,
        part=part,
        choices=_choices(task.rows.values()),
        sure=table.has_groups,
        widths=width_class(table),
        body=table_body(table, "../" * path.count("/")),
        low=low,
        high=high,
    )


def _choices(rows: Iterable[Row]) -> Choices:
    rows = list(rows)
    kinds = Counter(row.kind for row in rows)
    methods = Counter(row.traits.method for row in rows)
    licences = Counter(licence_key(row.traits.licence) for row in rows)
    named = sorted((name for name in licences if name), key=lambda name: (-licences[name], name))
    known = [(method, method) for method in METHODS if methods[method]]
    unsaid = [("none", "not said")]
    return Choices(
        kinds=[(kind, f"{kind} ({kinds[kind]})") for kind in ("measured", "imported", "reported") if kinds[kind]],
        methods=known + (unsaid if methods[None] else []),
        sizes=(*_SIZES, *unsaid) if any(row.traits.parameters for row in rows) else (),
        licences=[(name, f"{name} ({licences[name]})") for name in named[:12]] + (unsaid if licences[""] else []),
        trained=_TRAINED,
    )


def _counts(card: Task, split: str, subsets: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The subsets of a card with their numbers as text."""
    for code in (code for code in subsets if code in card.languages):
        pinned = card.pinned(code, split)
        counts = {key: getattr(pinned, key) for key in ("queries", "documents", "judgments")}
        yield {"subset": code, "query": card.query_language(code), "document": card.document_language(code)} | {
            key: "–" if value is None else f"{value:,}" for key, value in counts.items()
        }


def _script(stem: str, tables: Sequence[Table]) -> bytes:
    """The values of all measures as a script, which a page from disk may load where it may not fetch."""
    value = {table.measure: table.data() for table in tables}
    text = json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"(window.BENCH_DATA=window.BENCH_DATA||{{}})[{json.dumps(stem)}]={text};\n".encode()
