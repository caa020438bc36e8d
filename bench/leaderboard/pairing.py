"""Baseline and candidate side by side: which entries belong together, and their per-query scores as panels.

What cannot be compared is never passed over: it is a problem, and a check with a problem has not passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bench.errors import BenchError, MissingError
from bench.files import canonical_json
from bench.leaderboard.held import Held
from bench.leaderboard.noise import stored_noise
from bench.leaderboard.panels import Column, read_columns
from bench.regression import Pair, Slower
from bench.significance.panel import Design, Sheet, panel

_ROUNDING = 1e-9


@dataclass
class Pairing:
    """What there is to check: `problems` could not be checked, `warnings` were, `notes` need not be."""

    pairs: list[Pair] = field(default_factory=list)
    times: list[Slower] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Wanted(NamedTuple):
    """What to compare: everything, or only some tasks and languages; each task's main measure, or another one."""

    tasks: Collection[str] = ()
    languages: Collection[str] = ()
    measure: str | None = None


def paired(
    baseline: Sequence[Held], candidate: Sequence[Held], design_of: Callable[[str], Design], wanted: Wanted
) -> Pairing:
    """All pairs of one task and model name, whatever weights they had, with everything that stands in the way."""
    found = Pairing()
    for before, after in partners(baseline, candidate, wanted, found):
        try:
            _add(found, before, after, design_of(before.entry.identity["task"]), wanted)
        except BenchError as error:
            found.problems.append(f"{before.name}: {error}")
    if not found.pairs and not found.problems:
        found.problems.append("baseline and candidate have no task and model in common: nothing was checked")
    return found


def partners(
    baseline: Sequence[Held], candidate: Sequence[Held], wanted: Wanted, found: Pairing
) -> list[tuple[Held, Held]]:
    """Entries of one task, sample and model; where a model has several, equal file names belong together first."""
    sides = [_grouped(side, wanted.tasks) for side in (baseline, candidate)]
    together = []
    for key in dict.fromkeys((*sides[1], *sides[0])):
        before, after = ({held.entry.stem: held for held in side.get(key, [])} for side in sides)
        equal = [stem for stem in after if stem in before]
        together += [(before.pop(stem), after.pop(stem)) for stem in equal]
        if len(before) == len(after) == 1:
            together += zip(before.values(), after.values(), strict=True)
        elif before and after:
            stems = f"{', '.join(before)} and {', '.join(after)}"
            found.problems.append(f"{next(iter(after.values())).name}: which belong together is unclear: {stems}")
        else:
            found.notes += [f"{held.name}: not in the candidate: not checked" for held in before.values()]
            found.notes += [f"{held.name}: not in the baseline: nothing to compare with" for held in after.values()]
    return together


def _grouped(side: Sequence[Held], tasks: Collection[str]) -> dict[tuple[str, str, bytes], list[Held]]:
    groups: dict[tuple[str, str, bytes], list[Held]] = {}
    for held in side:
        identity = held.entry.identity
        if not tasks or identity["task"] in tasks:
            key = (identity["task"], identity["model"], canonical_json(identity.get("sample")))
            groups.setdefault(key, []).append(held)
    return groups


def _add(found: Pairing, before: Held, after: Held, design: Design, wanted: Wanted) -> None:
    measure = wanted.measure or before.entry.measures[0]
    for side, held in (("baseline", before), ("candidate", after)):
        if measure not in held.entry.measures:
            raise MissingError(f"the {side} has no {measure}, but {', '.join(held.entry.measures)}")
    columns = [_read(held, side, measure, found) for held, side in ((before, "baseline"), (after, "candidate"))]
    codes = [c for c in before.languages if not wanted.languages or c in wanted.languages]
    sheets = {}
    for code in codes:
        trouble = _trouble(before, after, code, columns)
        if trouble:
            found.problems.append(f"{before.name}, {code}: {trouble}")
        else:
            pair = np.stack([side[code].values for side in columns])
            sheets[code] = Sheet(columns[0][code].ids, pair)
    extra = [code for code in after.languages if code not in before.languages and code in columns[1]]
    if extra:
        found.notes.append(f"{before.name}: not in the baseline: {', '.join(extra)}: nothing to compare with")
    if sheets:
        table = panel(("baseline", "candidate"), sheets, design)
        task, model = before.entry.identity["task"], before.entry.identity["model"]
        found.pairs.append(Pair(task, model, measure, table, _noise(before, measure, found)))
        _add_time(found, before, after, list(sheets))


def _read(held: Held, side: str, measure: str, found: Pairing) -> dict[str, Column]:
    """The per-query scores; a mean in the JSON that is not theirs is a warning, for it is they that count."""
    columns = read_columns(held.scores, measure)
    for code, column in columns.items():
        stated = held.entry.languages.get(code, {}).get(measure)
        mean = math.fsum(column.values) / len(column.values)
        if stated is not None and abs(stated - mean) > _ROUNDING:
            found.warnings.append(
                f"{held.name}, {code}: the {side}'s {held.path.name} says {measure} {stated}, its per-query scores "
                f"{mean}: the scores count (bench board verify)"
            )
    return columns


def _trouble(before: Held, after: Held, code: str, columns: Sequence[dict[str, Column]]) -> str | None:
    """Why a language of the baseline cannot be compared, None if it can."""
    if code not in after.entry.languages:
        return "the candidate has not measured this language; measure it, or name those to check with --lang"
    for held, side, column in zip((before, after), ("baseline", "candidate"), columns, strict=True):
        if code not in column:
            return f"the {side} has no per-query scores of this language in {held.scores.name}"
    prints = [held.entry.languages[code].get("fingerprint") for held in (before, after)]
    old, new = (set(column[code].ids) for column in columns)
    for lacking, what, where in ((old - new, "baseline", "candidate"), (new - old, "candidate", "baseline")):
        if lacking:
            return f"{len(lacking)} queries of the {what} are missing in the {where}, the first {min(lacking)!r}"
    return "measured on other data: the fingerprints differ" if prints[0] != prints[1] else None


def _noise(before: Held, measure: str, found: Pairing) -> float | None:
    try:
        return stored_noise(before, measure)
    except MissingError as error:
        found.notes.append(f"{before.name}: {error}: taken as 0")
        return None


def _add_time(found: Pairing, before: Held, after: Held, codes: Sequence[str]) -> None:
    """The seconds of both, where they can be compared at all."""
    rows = [[held.entry.languages[code] for code in codes] for held in (before, after)]
    machines = {canonical_json(block.get("recipe", {}).get("hardware")) for side in rows for block in side}
    if len(machines) == 1:
        seconds = [sum(map(_seconds, side)) for side in rows]
        found.times.append(Slower(before.entry.identity["task"], before.entry.identity["model"], *seconds))


def _seconds(block: dict[str, object]) -> float:
    """Encoding as it once was, for vectors may have been reused since, and indexing and search as they were now."""
    recipe: dict[str, dict[str, float]] = block.get("recipe", {})  # type: ignore[assignment]
    encoders: list[dict[str, dict[str, float]]] = recipe.get("encoders", [])  # type: ignore[assignment]
    encoded = sum(side["seconds"] for encoder in encoders for side in encoder.values())
    return encoded + sum(recipe.get("seconds", {}).get(phase, 0.0) for phase in ("index", "search"))
