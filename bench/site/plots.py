"""What is worth a chart: quality against size and speed, profiles over languages, preference for one's own language.

A figure is numbers and words; `charts.py` draws it, and the numbers can be downloaded beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.leaderboard.standings import KINDS, tables_of
from bench.site.charts import WIDTH, Chart, Pairs, Point, Rows, Scatter, height_of
from bench.site.data import Result, SiteData
from bench.site.speed import Speed, speed_of
from bench.site.tasktable import main_measure

_LEAST = {"size": 6, "speed": 3}  # Points below which a scatter says less than the table.
_NAMED = 8  # Points of a scatter up to which every one is named, not the best alone.
_MOST_LANGUAGES = 60
_LINES = 4  # Systems of one kind in a profile.
_PANELS = 4


class Figure(NamedTuple):
    """One chart: the stem of its files below `plots/`, words about it, what is drawn, and the data as a table."""

    stem: str
    title: str
    alt: str
    caption: str
    chart: Chart
    head: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def width(self) -> int:
        """CSS pixels."""
        return WIDTH

    @property
    def height(self) -> int:
        """CSS pixels at that width."""
        return height_of(self.chart)


def figures_of(site: SiteData, task: str) -> list[Figure]:
    """The charts of a task, none where nothing is worth one."""
    measure = main_measure(site, task)
    tables = _tables(site.by_task[task], measure)
    stem = site.task_stem(task)
    ranked = [figure for draw in (_sizes, _speeds, _profile) for figure in draw(site, stem, tables, measure)]
    return ranked + list(_own_language(site, stem, site.by_task[task], measure))


def _tables(results: Sequence[Result], measure: str) -> dict[str, list[Result]]:
    """By kind the largest table that is ranked by a measure, best first."""
    found: dict[str, list[Result]] = {}
    for table in tables_of(results):
        ranked = [result for result in table if result["ranks"].get(measure) is not None]
        if len(ranked) > len(found.get(table[0]["kind"], ())):
            found[table[0]["kind"]] = sorted(ranked, key=lambda r: (r["ranks"][measure], r["model"]))
    return {kind: found[kind] for kind in KINDS if kind in found}


# --- quality against size and speed


def _sizes(site: SiteData, stem: str, tables: Mapping[str, list[Result]], measure: str) -> Iterator[Figure]:
    ranked = [result for table in tables.values() for result in table]
    places = [(result, float(size)) for result in ranked if (size := site.traits(result).parameters)]
    if len(places) < _LEAST["size"]:
        return
    groups, best = _grouped(places, measure, {kind: kind for kind in KINDS})
    ticks = _ticks([size for _, size in places])
    rows = tuple((site.system_of(r), r["kind"], int(size), r["mean"][measure]) for r, size in places)
    of = f"{measure}{_mean_of(places[0][0])}"
    names = ", ".join(site.system_of(result) for result in best)
    yield Figure(
        f"{stem}-size",
        "Quality against size",
        f"{of} against parameters of {len(places)} systems. Best at their size, the smallest first: {names}.",
        "Complete systems whose number of parameters is known; joined: those that no smaller system equals.",
        Scatter("parameters", of, groups, ticks),
        ("system", "kind", "parameters", measure),
        rows,
    )


def _speeds(site: SiteData, stem: str, tables: Mapping[str, list[Result]], measure: str) -> Iterator[Figure]:
    timed = [(result, speed) for result in tables.get("measured", ()) if (speed := _speed(site, result))]
    machines = list(dict.fromkeys(speed.machine for _, speed in timed))
    if len(timed) < _LEAST["speed"] or len(machines) > 6:
        return
    places = [(result, speed.documents) for result, speed in timed]
    machine_of = {id(result): speed.machine for result, speed in timed}
    groups, best = _grouped(places, measure, {name: name for name in machines}, lambda r: machine_of[id(r)], fast=True)
    rows = tuple((r["model"], s.machine, s.documents, s.queries, r["mean"][measure]) for r, s in timed)
    of = f"{measure}{_mean_of(timed[0][0])}"
    names = ", ".join(str(result["model"]) for result in best)
    machine = f" on {machines[0]}" if len(machines) == 1 else ""
    yield Figure(
        f"{stem}-speed",
        "Quality against speed",
        f"{of} against documents indexed a second of {len(timed)} systems. Best at their speed: {names}.",
        f"Documents encoded and indexed a second, as measured{machine}; joined: those that no faster one equals.",
        Scatter("documents a second", of, groups, _ticks([x for _, x in places])),
        ("system", "machine", "documents a second", "queries a second", measure),
        rows,
    )


def _speed(site: SiteData, result: Result) -> Speed | None:
    entry = site.entry_of(result)
    return speed_of(entry) if entry is not None else None


def _grouped(
    places: Sequence[tuple[Result, float]],
    measure: str,
    groups: Mapping[str, str],
    group_of: Any = lambda result: result["kind"],
    *,
    fast: bool = False,
) -> tuple[tuple[tuple[str, tuple[Point, ...]], ...], list[Result]]:
    """The points of each group, and the results that are best at their place: none before them is as good."""
    best: list[Result] = []
    for result, _ in sorted(places, key=lambda p: (-p[1] if fast else p[1], -p[0]["mean"][measure])):
        if not best or result["mean"][measure] > best[-1]["mean"][measure]:
            best.append(result)
    bests = {id(result) for result in best}
    points: dict[str, list[Point]] = {}
    for result, x in places:
        name = str(result["model"]).rsplit("/", 1)[-1] if id(result) in bests or len(places) <= _NAMED else ""
        points.setdefault(group_of(result), []).append(Point(x, result["mean"][measure], name, id(result) in bests))
    return tuple((groups[key], tuple(points[key])) for key in groups if key in points), best


def _mean_of(result: Result) -> str:
    of = result["mean"]["of"]
    return f", mean of {of} languages" if of > 1 else ""


def _ticks(values: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Powers of ten, and thrice them where the values span little."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    steps = (1, 3) if high - low <= 3 else (1,)
    inside = [step * 10**power for power in range(low, high + 1) for step in steps]
    kept = [tick for tick in inside if min(values) / 1.5 <= tick <= max(values) * 1.5]
    return tuple((float(tick), _amount(tick)) for tick in kept)


def _amount(value: float) -> str:
    for unit, name in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


# --- profiles over languages


def _profile(site: SiteData, stem: str, tables: Mapping[str, list[Result]], measure: str) -> Iterator[Figure]:
    if not tables:
        return
    largest = max(tables.values(), key=len)
    languages = _languages(largest)
    if not 3 <= len(languages) <= _MOST_LANGUAGES:
        return
    shown = [result for table in tables.values() for result in table[: _LINES if table is largest else 1]]
    mixed = len({result["kind"] for result in shown}) > 1
    series = [(_named(site, result, mixed), _values(result, languages, measure)) for result in shown[:6]]
    band = tuple(_band(largest, code, measure) for code in languages)
    share = "8 of 10" if len(largest) >= 10 else "all"
    names = "; ".join(name for name, _ in series)
    rows = tuple((name, code, value) for name, values in series for code, value in zip(languages, values, strict=True))
    yield Figure(
        f"{stem}-languages",
        "Profile over languages",
        f"{measure} in each of {len(languages)} languages: {names}.",
        f"The first of each kind; the bar is where {share} of {len(largest)} complete systems lie.",
        Rows(measure, languages, tuple(series), band, f"{share} of {len(largest)} systems"),
        ("system", "language", measure),
        rows,
    )


def _languages(table: Sequence[Result]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for result in table for code in result["languages"]))


def _named(site: SiteData, result: Result, mixed: bool) -> str:
    return (f"{result['kind']}: " if mixed else "") + site.system_of(result)


def _values(result: Result, languages: Sequence[str], measure: str) -> tuple[float | None, ...]:
    return tuple(result["languages"].get(code, {}).get(measure) for code in languages)


def _band(table: Sequence[Result], code: str, measure: str) -> tuple[float, float] | None:
    """From the worst tenth to the best tenth of the systems; from worst to best where they are few."""
    values = sorted(v for result in table if (v := result["languages"].get(code, {}).get(measure)) is not None)
    if len(values) < 4:
        return None
    left = len(values) // 10
    return values[left], values[-1 - left]


# --- preference for the language of the question


def _own_language(site: SiteData, stem: str, results: Sequence[Result], measure: str) -> Iterator[Figure]:
    """A flagged system is here too: what is odd about it may well be this."""
    sliced = [result for result in results if result["complete"] and measure in result.get("slices", {})]
    sliced = sorted(sliced, key=lambda result: (-result["mean"][measure], result["model"]))[:_PANELS]
    languages = tuple(dict.fromkeys(code for result in sliced for code in result["slices"][measure]))
    panels = [(site.system_of(result), _own_and_others(result["slices"][measure], languages)) for result in sliced]
    if not panels:
        return
    names = ("answer in the question's language", "answer in another language, mean")
    rows = tuple(
        (site.system_of(result), question, answer, value)
        for result in sliced
        for question, row in result["slices"][measure].items()
        for answer, value in row.items()
    )
    yield Figure(
        f"{stem}-own-language",
        "Preference for one's own language",
        f"{measure} by language of the question, where the answer is in the same language and where it is in another, "
        f"of {', '.join(name for name, _ in panels)}.",
        "The longer the line, the more the language of an answer counts; one that minds the content alone has none.",
        Pairs(measure, names, languages, tuple(panels)),
        ("system", "question", "answer", measure),
        rows,
    )


def _own_and_others(
    table: Mapping[str, Mapping[str, float | None]], languages: Sequence[str]
) -> tuple[tuple[float, float] | None, ...]:
    """By language of the question the value for answers in it, and the mean of those for answers in the others."""
    found: list[tuple[float, float] | None] = []
    for question in languages:
        row = table.get(question, {})
        own = row.get(question)
        others = [value for answer, value in row.items() if answer != question and value is not None]
        found.append((own, math.fsum(others) / len(others)) if own is not None and others else None)
    return tuple(found)
