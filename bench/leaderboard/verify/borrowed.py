"""What can be wrong with the numbers of others on a board: imported tables against their index, printed figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.files import file_sha256
from bench.leaderboard.imported.importing import COLUMNS, FOLDER, HEADINGS, INDEX, line_of, read_index, seal_of
from bench.leaderboard.imported.models import read_models
from bench.leaderboard.imported.table import Table, read_table
from bench.leaderboard.reported import figures
from bench.leaderboard.verify.faults import Fault

_INDEX_FIELDS = {"format", "source", "licence", "commit", "models", "tasks", "digest"}
_LINE_FIELDS = {"task", "file", "sha256", "languages", "dropped"}
"""Of a task's line in the index, what the table itself does not say."""
_README = "README.md"


def reported_faults(board: Path) -> Iterator[Fault]:
    """Files of printed figures that cannot be read, or hold what cannot be; what is merely odd is for the audit."""
    folder = board / figures.FOLDER
    for path in _files(folder):
        where = path.relative_to(board).as_posix()
        if path.suffix != ".csv" or path.parent != folder:
            yield Fault(where, "stray", "reported numbers are *.csv")
            continue
        try:
            found = figures.read_figures(path)
        except BenchError as error:
            yield Fault(where, "reported", str(error).replace(f"{path}:", "line ", 1))
            continue
        for figure in found:
            if not 0 <= figure.value.value <= 1:
                text = f"{figure.table}, {figure.model}, {figure.language}: {figure.measure} is {figure.value}"
                yield Fault(where, "range", f"{text}, not in [0, 1]")


def imported_faults(board: Path) -> Iterator[Fault]:
    """Imported tables that are not those of their index, or hold what cannot be."""
    folder = board / FOLDER
    if not folder.is_dir():
        return
    index = f"{FOLDER}/{INDEX}"
    try:
        value = read_index(folder)
        lines, models = dict(value["tasks"]), dict(value["models"])
        known = {INDEX, _README, models["file"], *(line["file"] for line in lines.values())}
        digests = {models["file"]: models["sha256"]} | {line["file"]: line["sha256"] for line in lines.values()}
    except BenchError as error:
        yield Fault(index, "imported", str(error).removeprefix(f"{folder / INDEX}: "))
        return
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        yield Fault(index, "imported", f"not an index: {error!r}; import again")
        return
    yield from _index_faults(index, value)
    for path in _files(folder):
        if path.relative_to(folder).as_posix() not in known:
            yield Fault(path.relative_to(board).as_posix(), "stray", "the index does not name this file")
    whole = yield from _whole(folder, digests)
    for name, line in lines.items():
        if line["file"] in whole:
            for check, message in _task(folder, name, line):
                yield Fault(
                    index if check in ("derived", "unknown field") else f"{FOLDER}/{line['file']}", check, message
                )


def _index_faults(index: str, value: Mapping[str, Any]) -> Iterator[Fault]:
    for key in sorted(value.keys() - _INDEX_FIELDS):
        yield Fault(index, "unknown field", repr(key))
    if value.get("digest") != seal_of(value):
        yield Fault(index, "checksum", "not as it was written: its digest is another; import again")


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != _README)


def _whole(folder: Path, digests: Mapping[str, str]) -> Generator[Fault, None, set[str]]:
    """Faults of files that are absent or not those of the index; returns the names of the others."""
    whole: set[str] = set()
    for name, sha256 in sorted(digests.items()):
        path = folder / str(name)
        if path.parent != folder or not path.is_file():
            yield Fault(f"{FOLDER}/{INDEX}", "imported", f"{name} is not there; import again")
        elif file_sha256(path) != sha256:
            yield Fault(f"{FOLDER}/{name}", "checksum", "not the file of the index; import again")
        else:
            whole.add(name)
    if "models.parquet" in whole:
        try:
            read_models(folder / "models.parquet")
        except BenchError as error:
            yield Fault(f"{FOLDER}/models.parquet", "imported", str(error))
    return whole


def _task(folder: Path, name: str, line: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with a table that the index names."""
    try:
        table = read_table(folder / line["file"], HEADINGS, COLUMNS, line["sha256"])
    except BenchError as error:
        yield "imported", str(error).removeprefix(f"{folder / line['file']}: ")
        return
    for measure, column in table.scores.items():
        if bool(((column < 0) | (column > 1) | np.isinf(column)).any()):
            yield "range", f"{measure}: there is a value outside [0, 1]"
    rows = _rows(table)
    if len(set(rows)) < len(rows):
        yield "duplicate", f"{' '.join(map(str, Counter(rows).most_common(1)[0][0]))} stands there twice"
    right = line_of(table)
    for key in sorted(line.keys() - right.keys() - _LINE_FIELDS):
        yield "unknown field", f"{name}: {key!r}"
    for key, expected in right.items():
        if line.get(key) != expected:
            yield "derived", f"{name}: {key} is not what the table gives"
    places = {(model, revision, split) for model, revision, split, _ in rows}
    for entry in line.get("dropped", ()):
        if (entry["model"], entry["revision"], entry["split"]) not in places:
            yield "derived", f"{name}: dropped names {entry['model']}, which has no row"


def _rows(table: Table) -> list[tuple[str | None, ...]]:
    return list(zip(*(table.headings[key] for key in ("model", "revision", "split", "subset")), strict=True))
