"""Every number of a task to download, each with its status: a row a system and measure, and a row a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.leaderboard.export.status import status_of
from bench.site.columns import subsets_of
from bench.site.data import Result, SiteData
from bench.site.page import Page
from bench.site.sheets import csv_bytes, json_bytes, parquet_bytes, repeated

_FIRST = ("kind", "system", "model", "task", "split", "measure", "mean")
_STATUS = (
    *("search", "sample", "pins", "partial", "saturated", "flags"),
    *("contamination", "source", "revision", "identity", "release"),
)


def task_files(site: SiteData, task: str) -> Iterator[Page]:
    """The table of a task: CSV, a column a language; JSON, the result objects; Parquet, a row a number."""
    stem, results = site.task_stem(task), site.by_task[task]
    subsets = subsets_of(site, task)
    head = (*_FIRST, *subsets, *_STATUS)
    yield Page(f"{site.folder}data/{stem}.csv", csv_bytes(head, _rows(site, results, subsets)))
    yield Page(f"{site.folder}data/{stem}.json", json_bytes(results))
    yield Page(f"{site.folder}data/{stem}.parquet", parquet_bytes(_columns(site, results)))


def _rows(site: SiteData, results: Sequence[Result], subsets: Sequence[str]) -> Iterator[list[Any]]:
    for result in results:
        fixed = _status(site, result)
        for measure in result["measures"]:
            row = fixed | {"measure": measure, "mean": result["mean"].get(measure)}
            row["saturated"] = " ".join(_saturated(result, measure)) or None
            values = [result["languages"].get(code, {}).get(measure) for code in subsets]
            yield [*(row[name] for name in _FIRST), *values, *(row[name] for name in _STATUS)]


def _status(site: SiteData, result: Result) -> dict[str, Any]:
    """What goes for all numbers of a result, as texts."""
    status = status_of(result)
    sample = status["sample"]
    return status | {
        "system": site.system_of(result),
        "model": result["model"],
        "task": result["task"],
        "sample": f"{sample['documents']} documents" if sample else None,
        "flags": "; ".join(status["flags"]) or None,
    }


def _saturated(result: Mapping[str, Any], measure: str) -> list[str]:
    return [code for code, row in result["languages"].items() if "saturated" in row and measure in row["saturated"]]


def _columns(site: SiteData, results: Sequence[Result]) -> dict[str, Any]:
    """A row a number; the mean over the languages is the language `mean`."""
    import numpy as np

    fixed = [_status(site, result) for result in results]
    owners: list[int] = []
    languages: list[str] = []
    measures: list[str] = []
    values: list[float | None] = []
    full: list[bool] = []
    for at, result in enumerate(results):
        for measure in result["measures"]:
            rows = result["languages"]
            saturated = set(_saturated(result, measure))
            owners += [at] * (len(rows) + 1)
            languages += [*rows, "mean"]
            measures += [measure] * (len(rows) + 1)
            values += [*(row.get(measure) for row in rows.values()), result["mean"].get(measure)]
            full += [*(code in saturated for code in rows), True] if saturated else [False] * (len(rows) + 1)
    place = np.asarray(owners, dtype=np.int64)

    def shared(name: str) -> Any:
        return repeated([None if row[name] is None else str(row[name]) for row in fixed], place)

    head = {name: shared(name) for name in ("kind", "system", "model", "task", "split")}
    numbers = {"language": languages, "measure": measures, "value": values, "saturated": full}
    return head | numbers | {name: shared(name) for name in _STATUS if name != "saturated"}
