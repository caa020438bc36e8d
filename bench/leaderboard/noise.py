"""The noise floor: how far a system differs from itself when it is run again with its batches cut in another way.

It is stored with the baseline, in `<task>/noise/<stem>.json`, by measure and language, for one identity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.entry import FORMAT, Entry
from bench.errors import InputError, MissingError
from bench.files import dump_json, read_json, write_whole
from bench.leaderboard.held import Held
from bench.leaderboard.panels import read_columns
from bench.regression import BLIND

FOLDER = "noise"
"""The folder of noise floors below a task's, one file an entry."""


def stored_noise(baseline: Held, measure: str) -> float:
    """The largest difference over the languages that is stored for an entry; MissingError where none is."""
    path = baseline.noise
    if not path.exists():
        raise MissingError("no noise floor is stored (bench check --store-noise)")
    stored = read_json(path)
    try:
        if stored["id"] != baseline.entry.hex:
            raise MissingError(f"the stored noise floor is of another identity ({path})")
        return max(map(float, stored["differences"][measure].values()))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: no noise floor of {measure}: {error!r}; bench check --store-noise") from error


def store_noise(baseline: Held, again: Held) -> tuple[Path, float]:
    """Store how far a re-run of the same system differs; the file and the largest difference of any mean.

    MissingError if it is another system.
    """
    if baseline.entry.identity != again.entry.identity:
        files = f"{baseline.path}, {again.path}"
        raise MissingError(f"{baseline.name}: not the same system: the identities differ ({files})")
    differences = {}
    for measure in baseline.entry.measures:
        first, second = _means(baseline, measure), _means(again, measure)
        differences[measure] = {code: abs(second[code] - first[code]) for code in first if code in second}
    largest = max((value for row in differences.values() for value in row.values()), default=None)
    if largest is None:
        raise MissingError(f"{baseline.name}: the two runs have no language in common")
    content = {"format": FORMAT, "id": baseline.entry.hex, "differences": differences}
    write_whole(baseline.noise, dump_json(content).encode())
    return baseline.noise, largest


def noise_findings(value: Mapping[str, Any], entry: Entry) -> Iterator[tuple[str, str]]:
    """What is wrong with a stored noise floor of an entry: it decides what a regression check may pass over."""
    if set(value) != {"format", "id", "differences"} or not isinstance(value["differences"], dict):
        yield "noise", "expected format, id and differences"
        return
    if value["id"] != entry.hex:
        yield "noise", f"it is of another identity ({value['id']}) than the entry ({entry.hex})"
    for measure in entry.measures:
        if not value["differences"].get(measure):
            yield "noise", f"{measure}: there is none"
    for measure, row in value["differences"].items():
        strange = set(row) - entry.languages.keys() if isinstance(row, dict) else {repr(row)}
        if measure not in entry.measures or strange:
            yield "noise", f"{measure}: not what the entry has: {', '.join(sorted(strange)) or measure}"
            continue
        for code, seen in row.items():
            if isinstance(seen, bool) or not isinstance(seen, int | float) or not 0 <= seen <= BLIND:
                text = "with a floor above that a check is blind"
                yield "noise", f"{measure}: {code}: expected a difference in [0, {BLIND}], found {seen!r}: {text}"


def _means(held: Held, measure: str) -> dict[str, float]:
    columns = read_columns(held.scores, measure)
    return {code: math.fsum(column.values) / len(column.values) for code, column in columns.items()}
