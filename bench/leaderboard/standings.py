"""Standings: measured, imported and reported results side by side, each with its kind, and ranks where they are fair.

A rank is given among complete results of one kind and the same data, without a flag that nobody explains. The macro
mean decides, unrounded; equal means share a rank.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.entry import mean_of
from bench.files import digest
from bench.leaderboard import entries
from bench.leaderboard.releases import Release, frozen_files, read_release
from bench.leaderboard.training import TrainingData, with_contamination
from bench.measure import Measure
from bench.summary import is_approximate, result_of, unexplained

KINDS = ("measured", "reported", "imported")
Result = dict[str, Any]


def standings(
    board: Path,
    kinds: Sequence[str] = KINDS,
    tasks: Sequence[str] | None = None,
    release: str | None = None,
    cards: Path | None = None,
) -> list[Result]:
    """The result objects of a board, each with `kind`, `pool`, `ranks`, `unranked` and `contamination`.

    `tasks` and `kinds` choose some of them; `cards` are the user's own, which say what their models were trained on.

    Of a release, what was measured is as it was frozen; imported and reported numbers are there as long as their files
    are the same (`changed_since` names those that are not).
    """
    frozen = read_release(board, release) if release is not None else None
    found: list[Result] = []
    if "measured" in kinds:
        found += _frozen(frozen) if frozen else _measured(board)
    changed = changed_since(board, frozen) if frozen else []
    for kind, gather in (("reported", _reported), ("imported", _imported)):
        if kind in kinds and (board / kind).is_dir() and not any(path.startswith(f"{kind}/") for path in changed):
            found += gather(board, tasks)
    placed = with_ranks([result for result in found if not tasks or result["task"] in tasks])
    return with_contamination(placed, TrainingData(board, cards))


def changed_since(board: Path, release: Release) -> list[str]:
    """The imported and reported files that are not those of a release, by path."""
    present = frozen_files(board)
    paths = sorted(present.keys() | release.files.keys())
    return [path for path in paths if present.get(path) != release.files.get(path)]


def _measured(board: Path) -> list[Result]:
    return [result_of(entry, path=str(path)) | {"kind": "measured"} for path, entry in entries(board)]


def _frozen(release: Release) -> list[Result]:
    """What a release does not freeze is null."""
    volatile = {"seconds": None, "vectors": None, "entry": None}
    return [row.result | volatile | {"kind": "measured", "release": release.version} for row in release.entries]


def _reported(board: Path, _tasks: Sequence[str] | None) -> list[Result]:
    from bench.leaderboard.reported import reported_results

    return reported_results(board)


def _imported(board: Path, tasks: Sequence[str] | None) -> list[Result]:
    from bench.leaderboard.imported import imported_results

    return imported_results(board, tasks)


# --- ranks


def with_ranks(results: Iterable[Result]) -> list[Result]:
    """The results with `pool` (what may share a ranked table), `ranks` by measure, and `unranked`: the reason, or null.

    The reason is that of the main measure.
    """
    placed = [result | {"pool": pool_of(result), "ranks": {}, "unranked": None} for result in results]
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in placed:
        reasons = {name: why_unranked(result, name) for name in {*result["measures"], result["main_measure"]}}
        result["unranked"] = reasons[result["main_measure"]]
        result["ranks"] = dict.fromkeys(result["measures"])
        for measure in result["measures"]:
            if reasons[measure] is None:
                groups.setdefault((result["task"], result["pool"], measure), []).append(result)
    for (_, _, measure), group in groups.items():
        means = sorted(result["mean"][measure] for result in group)
        for result in group:
            result["ranks"][measure] = 1 + len(means) - bisect_right(means, result["mean"][measure])
    return placed


def pool_of(result: Mapping[str, Any]) -> str:
    """What results must share to be ranked together: kind and data, for reported numbers the table they stand in."""
    if result["kind"] == "measured":
        prints = {subset: row.get("fingerprint") for subset, row in result["languages"].items()}
        return f"measured:{digest(prints)[:8]}"
    origin = result.get("origin") or {}
    keys = ("source", "table", "data") if result["kind"] == "reported" else ("source", "task", "dataset_revision")
    return f"{result['kind']}:{digest([origin.get(key) for key in keys])[:8]}"


def why_unranked(result: Mapping[str, Any], measure: str) -> str | None:
    """Why a result has no rank under a measure; None if it has one."""
    rows, of = result["languages"], result["mean"]["of"]
    known = [subset for subset, row in rows.items() if row.get(measure) is not None]
    if result.get("sample"):
        return "a sample"
    if is_approximate(result):
        return f"approximate search: {result['index']}"
    if len(known) != of or not known:
        return f"partial {len(known)}/{of}"
    if any(measure in row["saturated"] for row in rows.values() if "saturated" in row):
        return "saturated"
    if result["kind"] == "measured":
        if result.get("pins") == "differ":
            return "the data differ from the pins"
        if any(row.get("fingerprint") is None for row in rows.values()):
            return "the data were not looked at"
    flags = [f"{flag['check']} ({flag['language']})" for flag in unexplained(result)]
    if flags:
        return f"flagged: {flags[0]}" + (f" and {len(flags) - 1} more" if len(flags) > 1 else "")
    return None if result["mean"].get(measure) is not None else "no mean"


def tables_of(results: Sequence[Result]) -> list[list[Result]]:
    """Results of one task and measure by the table they stand in: one a pool, the largest first.

    A partial result stands in the first table whose data are its own as far as they go; ranks are not mixed.
    """
    whole: dict[str, list[Result]] = {}
    for result in results:
        if result["complete"] or result["kind"] != "measured":
            whole.setdefault(result["pool"], []).append(result)
    tables = sorted(whole.values(), key=lambda table: (KINDS.index(table[0]["kind"]), -len(table), table[0]["pool"]))
    for result in results:
        if not result["complete"] and result["kind"] == "measured":
            fitting = [table for table in tables if _same_data(result, table[0])]
            if fitting:
                fitting[0].append(result)
            else:
                tables.insert(0, [result])
    return sorted(tables, key=lambda table: KINDS.index(table[0]["kind"]))


def _same_data(part: Result, whole: Result) -> bool:
    rows = whole["languages"]
    prints = [(row.get("fingerprint"), rows.get(s, row).get("fingerprint")) for s, row in part["languages"].items()]
    return whole["kind"] == "measured" and all(mine == theirs for mine, theirs in prints)


# --- other means, only when asked for


def over_common(results: Sequence[Result], measure: str) -> list[Result]:
    """The results cut to the languages that all of them have a value for; their means are over these, and unranked."""
    rows = [result["languages"] for result in results]
    common = [s for s in rows[0] if all(row.get(s, {}).get(measure) is not None for row in rows)] if rows else []
    return [_cut(result, common) for result in results]


def _cut(result: Result, languages: Sequence[str]) -> Result:
    rows = {subset: result["languages"][subset] for subset in languages}
    mean = mean_of(rows, result["measures"], len(rows))
    return result | {"languages": rows, "mean": mean, "ranks": {}, "flags": _flags_in(result, languages)}


def _flags_in(result: Result, languages: Sequence[str]) -> list[dict[str, Any]]:
    return [flag for flag in result["flags"] if flag["language"] in languages]


def with_micro_means(results: Iterable[Result]) -> list[Result]:
    """The results with their micro means in the place of the macro means, and unranked."""
    return [
        result | {"mean": result["mean"] | {m: micro_mean(result, m) for m in result["measures"]}, "ranks": {}}
        for result in results
    ]


def micro_mean(result: Mapping[str, Any], measure: str) -> float | None:
    """The mean over all queries of all languages together; null where their number is not known, or a value missing."""
    pairs = [(row.get(measure), _scored(row)) for row in result["languages"].values()]
    if not pairs or any(value is None or not count for value, count in pairs):
        return None
    total = sum(count for _, count in pairs if count)
    return math.fsum(value * count for value, count in pairs if value is not None and count) / total


def _scored(row: Mapping[str, Any]) -> int | None:
    return next((row[key] for key in ("scored", "counted", "queries") if row.get(key) is not None), None)


def measures_of(results: Iterable[Mapping[str, Any]], wanted: Sequence[str] = ()) -> list[str]:
    """The measures to show, in the order of the results; those wanted, if any are."""
    names = [str(Measure.parse(name)) for name in wanted]
    return names or list(dict.fromkeys(m for result in results for m in result["measures"]))
