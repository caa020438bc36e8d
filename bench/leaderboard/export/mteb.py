"""mteb result files of a board's numbers, under `<model>/<revision>/<Task>.json` as mteb keeps them.

What was imported is given back: values, subsets, splits, revisions and versions as they came in. What was measured
stands under the name of mteb's task where ours corresponds to one, else under our own. What papers report has no run
behind it and cannot be such a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.entry import slug
from bench.errors import BenchError
from bench.formats.mteb import TASKS, VERSION, Row, key_of, task_result
from bench.leaderboard import read_entry
from bench.leaderboard.cards import shipped_task
from bench.leaderboard.export.status import status_of
from bench.leaderboard.imported import imported_tasks
from bench.leaderboard.imported.importing import COLUMNS, FOLDER, HEADINGS
from bench.leaderboard.imported.mteb_results import MAIN, MEASURES
from bench.leaderboard.imported.table import Table, read_table

Result = Mapping[str, Any]
File = tuple[str, dict[str, Any]]
"""Path below the folder of results, and the JSON object."""

_OURS = {measure: key for key, measure in MEASURES.items()}


def mteb_files(board: Path, results: Sequence[Result]) -> Iterator[File]:
    """The files of measured and imported results; results of one model, revision and task share a file."""
    for result in results:
        if result["kind"] == "measured" and _rows(result):
            yield _measured(result)
    imported = [result for result in results if result["kind"] == "imported"]
    tables = imported_tasks(board) if imported else {}
    for name in dict.fromkeys(result["origin"]["task"] for result in imported):
        wanted: dict[tuple[str, str], list[Result]] = {}
        for result in imported:
            if result["origin"]["task"] == name:
                wanted.setdefault((result["model"], result["origin"]["revision"]), []).append(result)
        yield from _imported(board, name, tables[name], wanted)


# --- measured


def _measured(result: Result) -> File:
    task = result["task"].partition("@")[0]
    theirs = TASKS.get(task)
    name = theirs.name if theirs else result["task"].removeprefix("mteb:").replace("/", "-")
    seconds = math.fsum((result.get("seconds") or {}).values())
    content = task_result(
        name, theirs.revision if theirs else _data(result), _rows(result), seconds or None, _status([result])
    )
    return f"{slug(result['model'])}/{result['identity']}/{_file_name(name)}.json", content


def _file_name(task: str) -> str:
    return "".join(c if c.isalnum() or c in "._-@" else "-" for c in task)


def _data(result: Result) -> str:
    """The name and revision of the data, from the entry or the card of the task."""
    if result.get("entry"):
        with suppress(BenchError, KeyError):
            return str(read_entry(Path(result["entry"])).identity["data"])
    card = shipped_task(result["task"].partition("@")[0])
    return f"{card.source.name}@{card.source.revision}" if card else "unknown"


def _rows(result: Result) -> list[Row]:
    """Subsets that have the main score; mteb's main measure where the task is one of its own."""
    task = result["task"].partition("@")[0]
    theirs, card = TASKS.get(task), shipped_task(task)
    main = theirs.main if theirs else result["main_measure"]
    rows = []
    for code, block in result["languages"].items():
        if block.get(main) is None:
            continue
        pair = (result.get("subsets") or {}).get(code, {"query": code, "document": code})
        source_code = card.languages[code].source_code if card and code in card.languages else None
        subset = (source_code or code) if theirs else code
        spoken = [theirs.languages[subset]] if theirs else list(dict.fromkeys((pair["query"], pair["document"])))
        scores = {key_of(m): block[m] for m in result["measures"] if block.get(m) is not None}
        rows.append(Row(result["split"], subset, spoken, VERSION, block[main], scores))
    return rows


def _status(results: Sequence[Result]) -> dict[str, Any]:
    """The status by split; the numbers were computed by this project unless the kind says otherwise."""
    return {result["split"]: status_of(result) for result in results}


# --- imported


def _imported(
    board: Path, name: str, line: Mapping[str, Any], wanted: Mapping[tuple[str, str], Sequence[Result]]
) -> Iterator[File]:
    table = read_table(board / FOLDER / line["file"], HEADINGS, COLUMNS, line["sha256"])
    places: dict[tuple[str, str], list[int]] = {}
    for i, pair in enumerate(zip(table.headings["model"], table.headings["revision"], strict=True)):
        places.setdefault((str(pair[0]), str(pair[1])), []).append(i)
    for (model, revision), results in wanted.items():
        splits = {result["split"] for result in results}
        at = [i for i in places[model, revision] if table.headings["split"][i] in splits]
        rows = [_imported_row(table, i, line) for i in at]
        content = task_result(name, str(table.headings["dataset_revision"][at[0]]), rows, None, _status(results))
        yield f"{model.replace('/', '__', 1)}/{revision}/{name}.json", content


def _imported_row(table: Table, at: int, line: Mapping[str, Any]) -> Row:
    """One row; files of mteb before 1.11 have no main score, and mteb takes the task's main measure for it."""
    values = {measure: float(column[at]) for measure, column in table.scores.items()}
    scores = {_OURS[m]: value for m, value in values.items() if m != MAIN and not math.isnan(value)}
    split, subset = str(table.headings["split"][at]), str(table.headings["subset"][at])
    stated = (values[name] for name in (MAIN, line["main_measure"]) if not math.isnan(values[name]))
    spoken = line["languages"].get(subset, [])
    return Row(split, subset, spoken, table.headings["mteb_version"][at], next(stated, None), scores)
