"""Imported numbers as results: what others computed with mteb, with origin, coverage and flags; read from `imported/`.

Several revisions of a model are several results, since their scores are of different weights; a note says so. mteb's
tasks that are a card's have the card's name, subsets and measures; every other one is `mteb:NAME` with mteb's subsets,
and counts as complete where it has every subset that any model has.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.entry import mean_of
from bench.leaderboard.cards import shipped_task
from bench.leaderboard.imported.flags import claims, dropped_flag, revision_flag, score_flags, slight_ties
from bench.leaderboard.imported.importing import COLUMNS, FOLDER, HEADINGS, INDEX, SOURCE, read_index
from bench.leaderboard.imported.models import Model, Models, read_models
from bench.leaderboard.imported.mteb_results import MAIN
from bench.leaderboard.imported.table import Table, read_table
from bench.task import Task

MEASURES = COLUMNS[1:]
"""Every measure that is stored, under our names."""

_USUAL = ("nDCG@10", "R@100", "MRR@10")
"""What is shown of a task without a card, after its main measure."""


class _Part(NamedTuple):
    """The rows of one model, revision and split, and what is known of their task."""

    start: int
    end: int
    split: str
    line: Mapping[str, Any]
    codes: Mapping[str, str]
    measures: tuple[str, ...]
    card: Task | None


def imported_tasks(board: Path) -> dict[str, dict[str, Any]]:
    """The imported tasks of a board by mteb's name, as the index has them; none where nothing was imported."""
    if not (board / FOLDER / INDEX).is_file():
        return {}
    tasks: dict[str, dict[str, Any]] = read_index(board / FOLDER)["tasks"]
    return tasks


def imported_models(board: Path) -> Models:
    """What is known of the imported models, by name and revision."""
    return read_models(board / FOLDER / "models.parquet")


def imported_results(
    board: Path, tasks: Sequence[str] | None = None, measures: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Result objects of kind `imported`, by task, model, revision and split.

    `tasks` are names as results have them (`miracl`, `mteb:MLQARetrieval@validation`), all where None. `measures` are
    those of the task's card, or the main one with nDCG@10, R@100 and MRR@10, where None; any of MEASURES may be asked
    for. MissingError where a table is absent or damaged.
    """
    index, models = imported_tasks(board), imported_models(board)
    results = []
    for name, line in sorted(index.items(), key=lambda item: (item[1]["task"], item[0])):
        if tasks is None or any(task.split("@")[0] == line["task"] for task in tasks):
            for result in _task_results(board / FOLDER / line["file"], name, line, models, measures):
                if tasks is None or result["task"] in tasks:
                    results.append(result)
    return results


def _task_results(
    file: Path, name: str, line: Mapping[str, Any], models: Models, measures: Sequence[str] | None
) -> Iterator[dict[str, Any]]:
    card = shipped_task(line["task"])
    shown = tuple(measures) if measures is not None else _shown(line, card)
    needed = dict.fromkeys((MAIN, line["main_measure"], "MRR@1", "P@1", *shown))
    table = read_table(file, HEADINGS, tuple(needed), line["sha256"])
    codes = {card.languages[code].source_code or code: code for code in card.languages} if card else {}
    revisions = Counter(
        (model, split)
        for model, _, split in set(zip(*(table.headings[key] for key in ("model", "revision", "split")), strict=True))
    )
    for start, end in _parts(table):
        split = str(table.headings["split"][start])
        part = _Part(start, end, split, line, codes, shown, card)
        heading = {key: table.headings[key][start] for key in HEADINGS}
        about = models.get((str(heading["model"]), str(heading["revision"])))
        yield _result(part, table, name, heading, about, revisions[heading["model"], split])


def _shown(line: Mapping[str, Any], card: Task | None) -> tuple[str, ...]:
    """The card's measures that mteb has, else the main one and the usual ones."""
    if card is not None:
        return tuple(measure for measure in card.measures if measure in MEASURES)
    return tuple(dict.fromkeys((line["main_measure"], *_USUAL)))


def _parts(table: Table) -> Iterator[tuple[int, int]]:
    """Where the rows of each model, revision and split begin and end; they stand together."""
    rows = list(zip(*(table.headings[key] for key in ("model", "revision", "split")), strict=True))
    starts = [i for i, row in enumerate(rows) if i == 0 or row != rows[i - 1]]
    yield from zip(starts, [*starts[1:], len(rows)], strict=True)


def _result(
    part: _Part,
    table: Table,
    name: str,
    heading: Mapping[str, str | None],
    about: Model | None,
    revisions: int,
) -> dict[str, Any]:
    subsets = _subsets(part)
    theirs = [str(subset) for subset in table.headings["subset"][part.start : part.end]]
    codes = [part.codes.get(subset, subset) for subset in theirs]
    columns = [_column(table, part, measure) for measure in part.measures]
    languages = {
        code: dict(zip(part.measures, values, strict=True)) for code, *values in zip(codes, *columns, strict=True)
    }
    missing = [code for code in subsets if code not in languages]
    return {
        "format": 1,
        "kind": "imported",
        "model": heading["model"],
        "task": _named(part),
        "split": part.split,
        "measures": list(part.measures),
        "main_measure": part.measures[0],
        "complete": not missing,
        "partial": f"{len(languages)}/{len({*subsets, *codes})}",
        "missing": missing,
        "pins": None,
        "sample": None,
        "languages": languages,
        "mean": mean_of(languages, part.measures, len({*subsets, *codes})),
        "k": None,
        "index": None,
        "identity": None,
        "flags": _flags(part, table, dict(zip(theirs, codes, strict=True)), heading, about),
        "notes": list(_notes(part, table, codes, languages, about, revisions)),
        "about": _about(about),
        "origin": _origin(part, name, heading),
    }


def _origin(part: _Part, name: str, heading: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "revision": heading["revision"],
        "mteb_version": heading["mteb_version"],
        "dataset_revision": heading["dataset_revision"],
        "task": name,
        "split": part.split,
        "main_measure": part.line["main_measure"],
    }


def _named(part: _Part) -> str:
    """The task as results name it, with the split where it is not the first."""
    if part.card is not None:
        return part.card.named(part.split)
    task: str = part.line["task"]
    return task if part.split == next(iter(part.line["splits"])) else f"{task}@{part.split}"


def _subsets(part: _Part) -> Sequence[str]:
    """The subsets that make a result complete."""
    if part.card is not None:
        return part.card.subsets_of(part.split)
    subsets: list[str] = part.line["splits"][part.split]
    return subsets


def _column(table: Table, part: _Part, measure: str) -> list[float | None]:
    values = table.scores[measure][part.start : part.end]
    return [None if math.isnan(value) else value for value in values.tolist()]


def _flags(
    part: _Part, table: Table, codes: Mapping[str, str], heading: Mapping[str, str | None], about: Model | None
) -> list[dict[str, Any]]:
    def values(measure: str) -> dict[str, float]:
        column = _column(table, part, measure)
        return {code: value for code, value in zip(codes.values(), column, strict=True) if value is not None}

    claimed = tuple(about.languages) if about and about.languages else None
    spoken = part.line["languages"]
    unclaimed = {code for theirs, code in codes.items() if not claims(claimed, spoken.get(theirs, ()))}
    flags = score_flags(values(part.line["main_measure"]), values("MRR@1"), values("P@1"), values(MAIN), unclaimed)
    pinned = revision_flag(str(heading["revision"]), about.open_weights if about else None)
    dropped = [
        dropped_flag(codes[entry["subset"]], entry["key"], entry["seen"])
        for entry in part.line["dropped"]
        if (entry["model"], entry["revision"], entry["split"]) == (heading["model"], heading["revision"], part.split)
    ]
    return [*flags, *([pinned] if pinned else []), *dropped]


def _notes(
    part: _Part,
    table: Table,
    codes: Sequence[str],
    languages: Mapping[str, Mapping[str, float | None]],
    about: Model | None,
    revisions: int,
) -> Iterator[str]:
    if revisions > 1:
        yield f"{revisions} revisions of this model have results here"
    if about is None or about.described_by is None:
        yield "nothing is known of this model: the source has no model_meta.json"
    elif about.described_by != "model_meta.json":
        yield "what is said of this model is of another revision"
    mrr, precision = (dict(zip(codes, _column(table, part, m), strict=True)) for m in ("MRR@1", "P@1"))
    ties = slight_ties(
        {code: value for code, value in mrr.items() if value is not None},
        {code: value for code, value in precision.items() if value is not None},
    )
    if ties:
        yield f"MRR is not of quite the same order as the rest, MRR@1 not quite P@1: {', '.join(ties)}"
    for measure in part.measures:
        lacking = [code for code, row in languages.items() if row[measure] is None]
        if lacking:
            yield f"{measure} is not in the source: {', '.join(lacking)}"
    if part.card is not None and part.line["main_measure"] != part.measures[0]:
        yield f"mteb's main measure is {part.line['main_measure']}, the card's {part.measures[0]}"


def _about(about: Model | None) -> dict[str, Any] | None:
    """The model's metadata that fit on a line; `imported_models` has all."""
    if about is None or about.described_by is None:
        return None
    keys = ("released", "parameters", "licence", "open_weights", "dimension", "max_tokens", "reference")
    return {key: getattr(about, key) for key in keys}
