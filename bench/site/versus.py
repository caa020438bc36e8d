"""Pairs of measured systems that are worth a page: compared query by query, with interval and paired test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from bench.comparison import common_languages, compare_entries
from bench.excerpt import excerpt
from bench.leaderboard.held import Held
from bench.leaderboard.standings import tables_of
from bench.site.data import Result, SiteData
from bench.site.kept import kept
from bench.site.taskline import Row
from bench.site.tasktable import main_measure, rows_of

MOVED = 5
SEED = 0
_ALL = 5  # Systems up to which every pair has a page; of more, neighbours in rank and the best with the next ones.
_WITH_BEST = 5
_SHOWN = 160  # Characters of a question.


class Span(NamedTuple):
    """A difference and its interval on a drawing from -70 to 70, zero in the middle."""

    low: float
    middle: float
    high: float


class Line(NamedTuple):
    """One language, or the mean (no code): values, difference, test, and the queries that moved most."""

    code: str | None
    values: Mapping[str, Any]
    span: Span

    @property
    def sure(self) -> bool:
        """Whether the interval leaves zero out."""
        low, high = self.values["interval"]
        return bool(low > 0 or high < 0)


class Move(NamedTuple):
    """A query with its values; `text` is its question cut short, None where the board does not have it."""

    query: str
    text: str | None
    values: Mapping[str, float]


class Moves(NamedTuple):
    """The queries of a language that moved most; `tag` is the BCP-47 code of what they are written in."""

    code: str
    tag: str
    queries: tuple[Move, ...]

    @property
    def told(self) -> bool:
        """Whether the board has the text of any."""
        return any(one.text for one in self.queries)


class Versus(NamedTuple):
    """Two systems on one task; differences are those of the first, which ranks higher, less the second.

    `mean` is drawn as its languages are, `among` as the means of the other pairs of the task.
    """

    page: str
    task: str
    measure: str
    first: Row
    second: Row
    mean: Line
    among: Line
    lines: tuple[Line, ...]
    moved: tuple[Moves, ...]
    unit: str
    notes: tuple[str, ...]


def pairs_of(site: SiteData, task: str) -> list[Versus]:
    """The pairs of a task that have a page, by the rank of the first, then of the second."""
    measure = main_measure(site, task)
    rows = rows_of(site, task)
    found = []
    for table in tables_of(site.by_task[task]):
        ranked = [r for r in table if r["ranks"].get(measure) and r["kind"] == "measured" and site.scores_of(r)]
        ranked.sort(key=lambda result: (result["ranks"][measure], rows[id(result)].key))
        for i, j in _chosen(len(ranked)):
            versus = _versus(site, task, measure, (rows[id(ranked[i])], rows[id(ranked[j])]))
            found += [versus] if versus else []
    scale = _scale([versus.mean.values for versus in found])
    return [versus._replace(among=_line(None, versus.mean.values, scale)) for versus in found]


def _chosen(count: int) -> list[tuple[int, int]]:
    """Which of some systems, best first, are compared."""
    if count <= _ALL:
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    neighbours = {(i, i + 1) for i in range(count - 1)}
    return sorted(neighbours | {(0, j) for j in range(1, _WITH_BEST + 1)})


def _versus(site: SiteData, task: str, measure: str, rows: tuple[Row, Row]) -> Versus | None:
    first, second = (_held(site, row.result) for row in rows)
    if not common_languages(second, first, measure):
        return None
    found = _compared(site, task, measure, second, first)
    scale = _scale(found["languages"].values())
    lines = tuple(_line(code, row, scale) for code, row in found["languages"].items())
    mean = _line(None, found["mean"], scale)
    moved = tuple(_moves(site, task, line) for line in lines if line.values["moved"])
    page = f"{site.folder}compare/{site.task_stem(task)}/{rows[0].key}/{rows[1].key}.html"
    return Versus(page, task, measure, *rows, mean, mean, lines, moved, found["unit"], tuple(found["notes"]))


def _moves(site: SiteData, task: str, line: Line) -> Moves:
    card, code = site.task_card(task), line.code or ""
    texts = [(one, site.question(task, code, one["query"])) for one in line.values["moved"]]
    return Moves(
        code,
        card.query_language(code) if card and code in card.languages else code,
        tuple(Move(one["query"], excerpt(text, _SHOWN, " …") if text else None, one) for one, text in texts),
    )


def _held(site: SiteData, result: Result) -> Held:
    entry, scores = site.entry_of(result), site.scores_of(result)
    if entry is None or scores is None:
        raise ValueError(f"{result['model']}: no per-query scores")
    return Held(scores.with_suffix(".json"), entry, tuple(entry.languages))


def _compared(site: SiteData, task: str, measure: str, before: Held, after: Held) -> dict[str, Any]:
    """The comparison, from the cache where the scores are the same; what names files and systems is left out."""
    from bench.statistics import design_of

    design = design_of(task)
    sides = [[held.entry.hex, _facts(held, measure)] for held in (before, after)]
    made_of = {"compare": [1, task, measure, MOVED, SEED, asdict(design)], "sides": sides}

    def compute() -> dict[str, Any]:
        result = compare_entries(before, after, design, measure, moved=MOVED, seed=SEED)
        return {key: result[key] for key in ("languages", "mean", "unit", "notes")}

    return dict(kept(site.cache, made_of, compute))


def _facts(held: Held, measure: str) -> dict[str, Any]:
    return {
        code: [block.get(measure), block.get("fingerprint"), block.get("digests", {}).get(measure)]
        for code, block in held.entry.languages.items()
    }


def _scale(rows: Iterable[Mapping[str, Any]]) -> float:
    """The largest end of all intervals, above zero."""
    return max((abs(end) for row in rows for end in row["interval"]), default=0.0) or 1.0


def _line(code: str | None, row: Mapping[str, Any], scale: float) -> Line:
    low, high = row["interval"]
    return Line(
        code,
        row,
        Span(*(round(max(-1.0, min(1.0, value / scale)) * 70, 1) for value in (low, row["difference"], high))),
    )


HEAD = (
    *("task", "measure", "a", "b", "language", "value a", "value b", "a - b", "low", "high"),
    *("p", "p holm", "wins", "ties", "losses"),
)
"""Columns of the comparisons to download; wins are queries on which A is better."""


def sheet_rows(pairs: Sequence[Versus]) -> Iterator[list[Any]]:
    """A row a pair and language; that of the mean has none."""
    for versus in pairs:
        names = [versus.task, versus.measure, versus.first.result["model"], versus.second.result["model"]]
        for line in (versus.mean, *versus.lines):
            row = line.values
            numbers = [row["b"], row["a"], row["difference"], *row["interval"], row["p"], row.get("p_holm")]
            yield [*names, line.code, *numbers, row["wins"], row["ties"], row["losses"]]
