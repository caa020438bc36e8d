"""Reported numbers as results: shown beside measured ones with the difference, never as measured.

The source's spelling of a metric is kept beside our name of the measure, and the average that it prints beside the mean
that is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.entry import mean_of
from bench.errors import InputError
from bench.files import file_sha256
from bench.leaderboard.audit import audit
from bench.leaderboard.audit.printed import Finding, PrintedRow
from bench.leaderboard.cards import shipped_task
from bench.leaderboard.reported.figures import FOLDER, reported_rows


def audited(rows: Sequence[PrintedRow]) -> list[Finding]:
    """What the audit finds in them, with the number of questions that the shipped cards give."""
    return audit(rows, _counted)


def audited_rows(board: Path) -> tuple[Sequence[PrintedRow], Sequence[Finding]]:
    """The printed rows of a board and what the audit finds in them, done once while the files are the same."""
    files = sorted((board / FOLDER).glob("*.csv"))
    return _audited_files(board, tuple((path.name, file_sha256(path)) for path in files))


@lru_cache(maxsize=1)
def _audited_files(board: Path, files: tuple[tuple[str, str], ...]) -> tuple[Sequence[PrintedRow], Sequence[Finding]]:
    rows = reported_rows(board)
    return tuple(rows), tuple(audited(rows))


def _counted(task: str, split: str, language: str) -> int | None:
    card = shipped_task(task)
    if card is None or split not in card.all_splits or language not in card.languages:
        return None
    return card.pinned(language, split).counted


def reported_results(board: Path) -> list[dict[str, Any]]:
    """Result objects of kind `reported`: one a system, table, task and split, in the order of the files.

    What the audit finds in a row is a flag of its result. InputError for a value outside [0, 1].
    """
    rows, findings = audited_rows(board)
    flags: dict[PrintedRow, list[dict[str, Any]]] = {}
    for finding in findings:
        if finding.check == "out of range":
            raise InputError(f"{board / FOLDER}: {finding.row}: {finding.message} (bench board audit)")
        # The row that is repeated has done nothing wrong; in the other checks all rows that are named are in doubt.
        for row in (finding.row, *(finding.others if finding.check != "repeats" else ())):
            flags.setdefault(row, []).append(_flag(finding))
    systems: dict[tuple[str, ...], list[PrintedRow]] = {}
    for row in rows:
        heading = (row.source, row.table, row.citation, row.url, row.data, row.system, row.model, row.task, row.split)
        systems.setdefault(heading, []).append(row)
    return [_result(group, [flag for row in group for flag in flags.get(row, [])]) for group in systems.values()]


def _flag(finding: Finding) -> dict[str, Any]:
    """A finding as a flag: its language where it is one, else `mean` or `all`."""
    one = finding.languages[0] if len(finding.languages) == 1 else "all"
    return {
        "check": finding.check,
        "language": "mean" if finding.check == "average" else one,
        "seen": finding.seen,
        "limit": finding.limit,
        "expected": False,
        "message": f"{finding.row}: {finding.message}",
    }


def _result(rows: Sequence[PrintedRow], flags: list[dict[str, Any]]) -> dict[str, Any]:
    first, measures = rows[0], [row.measure for row in rows]
    codes = dict.fromkeys(code for row in rows for code in row.cells)
    languages = {
        code: {row.measure: row.cells[code].value if code in row.cells else None for row in rows} for code in codes
    }
    card = shipped_task(first.task)
    known = card is not None and first.split in card.all_splits
    subsets = card.subsets_of(first.split) if card is not None and known else tuple(codes)
    missing = [code for code in subsets if code not in languages]
    return {
        "format": 1,
        "kind": "reported",
        "model": first.model,
        "system": first.system or None,
        "task": card.named(first.split) if card is not None else first.task,
        "split": first.split,
        "measures": measures,
        "main_measure": measures[0],
        "complete": not missing,
        "partial": f"{len(languages)}/{len({*subsets, *codes})}",
        "missing": missing,
        "pins": None,
        "sample": None,
        "languages": languages,
        "mean": mean_of(languages, measures, len({*subsets, *codes})),
        "printed_mean": {row.measure: row.average.value for row in rows if row.average is not None},
        "k": None,
        "index": None,
        "identity": None,
        "flags": flags,
        "notes": list(_notes(first, known, [code for code in codes if code not in subsets], rows)),
        "origin": _origin(first) | {"metric": {row.measure: row.metric for row in rows}},
    }


def _origin(row: PrintedRow) -> dict[str, str]:
    return {key: getattr(row, key) for key in ("source", "table", "citation", "url", "data")}


def _notes(first: PrintedRow, known: bool, strange: Sequence[str], rows: Sequence[PrintedRow]) -> Iterator[str]:
    if not known:
        yield f"no card of this project is about {first.task} {first.split}: comparable with nothing here"
    if strange:
        yield f"not languages of the card: {', '.join(strange)}"
    alone = [row.measure for row in rows if row.average is not None and not row.cells]
    if alone:
        yield f"{', '.join(alone)}: the source prints the average alone"


def difference(reported: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a measured result of the same system has more, language by language, and on average over those.

    None where it is not the system that the reported one names, or they share no task, language or measure. Values
    are measured less reported; `languages` of the mean says over how many.
    """
    if not reported["system"] or (reported["system"], reported["task"]) != (measured["model"], measured["task"]):
        return None
    measures = [measure for measure in reported["measures"] if measure in measured["measures"]]
    languages: dict[str, dict[str, float]] = {}
    for code, theirs in reported["languages"].items():
        ours = measured["languages"].get(code, {})
        both = [m for m in measures if theirs.get(m) is not None and ours.get(m) is not None]
        if both:
            languages[code] = {m: ours[m] - theirs[m] for m in both}
    if not languages:
        return None
    means = {m: [row[m] for row in languages.values() if m in row] for m in measures}
    return {
        "model": measured["model"],
        "entry": measured.get("entry"),
        "languages": languages,
        "mean": {m: math.fsum(column) / len(column) for m, column in means.items() if column},
        "over": {m: len(column) for m, column in means.items() if column},
    }
