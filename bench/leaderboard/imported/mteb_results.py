"""A copy of mteb's results as it lies there: `results/<org__model>/<revision>/<Task>.json`, in archives or folders.

Nothing in it is trusted: archives are read in memory and never unpacked, a file that is no result is named and left
out, and a value that is none (NaN, a text, outside [0, 1]) is dropped and said so.
"""

from __future__ import annotations

import json
import math
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import InputError, MissingError

CUTOFFS = (1, 3, 5, 10, 20, 100, 1000)
MEASURES: dict[str, str] = {
    f"{theirs}_at_{k}": f"{ours}@{k}"
    for theirs, ours in {"ndcg": "nDCG", "map": "AP", "recall": "R", "precision": "P", "mrr": "MRR"}.items()
    for k in CUTOFFS
}
"""mteb's keys that are kept, with our names. Left out: nauc, hit_rate (Success), cv_recall, accuracy, times, energy."""

MAIN = "main_score"
KEYS = (MAIN, *MEASURES)
META = "model_meta"

# A result of 400 subsets has half a megabyte, with every score of mteb's some megabytes.
_LARGEST = 64 << 20
_PATH = re.compile(r"(?:^|/)([^/]+)/([^/]+)/([^/]+)\.json$")
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Source(NamedTuple):
    """One JSON file of a copy; `where` names it in messages, by its path below the copy's folder."""

    model: str
    revision: str
    name: str
    where: str
    data: bytes


class Dropped(NamedTuple):
    """A value that is none: in which split, subset and key, and what stood there."""

    split: str
    subset: str
    key: str
    seen: str


class Line(NamedTuple):
    """The scores of one subset of one split; `values` follow KEYS, None where there is no value."""

    split: str
    subset: str
    languages: tuple[str, ...]
    mteb_version: str | None
    values: tuple[float | None, ...]


class Result(NamedTuple):
    """One model's scores on one mteb task; `model` is mteb's name of it."""

    model: str
    revision: str
    task: str
    dataset_revision: str | None
    lines: tuple[Line, ...]
    dropped: tuple[Dropped, ...]


def model_name(folder: str) -> str:
    """`intfloat/multilingual-e5-small` for the folder `intfloat__multilingual-e5-small`."""
    return folder.replace("__", "/", 1)


def sources(copy: Path) -> Iterator[Source]:
    """The JSON files of a copy: those of its archives by name, then those of its folders.

    MissingError where the copy has none, or where an archive is damaged: half of it would pass for all of it.
    """
    archives = sorted(path for path in copy.glob("*") if path.name.endswith((".tar.gz", ".tgz", ".tar")))
    folder = copy / "results" if (copy / "results").is_dir() else copy
    files = sorted(folder.glob("*/*/*.json"))
    if not archives and not files:
        raise MissingError(f"{copy}: no results/<model>/<revision>/<Task>.json there, and no archives of them")
    for archive in archives:
        yield from _in_archive(archive)
    for file in files:
        try:
            data = file.read_bytes() if file.stat().st_size <= _LARGEST else b""
        except OSError as error:
            raise MissingError(f"{file}: cannot read: {error.strerror or error}") from error
        yield Source(file.parts[-3], file.parts[-2], file.stem, str(file.relative_to(copy)), data)


def _in_archive(archive: Path) -> Iterator[Source]:
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                match = _PATH.search(member.name)
                file = tar.extractfile(member) if match and member.isfile() else None
                if match and file:
                    data = file.read() if member.size <= _LARGEST else b""
                    yield Source(match[1], match[2], match[3], f"{archive.name}: {member.name}", data)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise MissingError(f"{archive}: the archive is damaged: {error}; get it again") from error


_SCORES = re.compile(rb'"(?:ndcg|mrr|map|recall)_at_[0-9]+"')


def is_retrieval(source: Source) -> bool:
    """Whether a file can hold scores of retrieval: a look at its bytes spares the rest of mteb's results.

    An empty one might, or one too large to be read: `parsed` says what is wrong with it.
    """
    return source.name != META and (not source.data or _SCORES.search(source.data) is not None)


def parsed(source: Source) -> Result:
    """The result in a file, of the present layout or of that before mteb 1.11; InputError says why it is none."""
    if not _TASK.fullmatch(source.name):
        raise InputError(f"{source.where}: not the name of a task")
    value = _object(source)
    named = value.get("task_name", value.get("mteb_dataset_name"))
    if named != source.name:
        raise InputError(f"{source.where}: its task is {named!r}")
    version, dataset = _text(value.get("mteb_version")), _text(value.get("dataset_revision"))
    lines: list[Line] = []
    dropped: list[Dropped] = []
    for split, row in _rows(value, source.where):
        subset = row.get("hf_subset")
        if not isinstance(subset, str) or not subset:
            raise InputError(f"{source.where}: {split}: hf_subset: expected a name, found {subset!r}")
        values: tuple[float | None, ...] | None = _whole_row(row)
        values = values or tuple(_score(split, subset, key, row, dropped) for key in KEYS)
        languages = row.get("languages")
        spoken = tuple(filter(None, map(_text, languages))) if isinstance(languages, list) else ()
        lines.append(Line(split, subset, spoken, _text(row.get("mteb_version")) or version, values))
    if len({(line.split, line.subset) for line in lines}) < len(lines):
        raise InputError(f"{source.where}: a subset is there twice")
    if not any(score is not None for line in lines for score in line.values):
        raise InputError(f"{source.where}: no scores of retrieval")
    return Result(model_name(source.model), source.revision, source.name, dataset, tuple(lines), tuple(dropped))


def meta(source: Source) -> dict[str, Any]:
    """What a `model_meta.json` says; InputError where it says nothing."""
    return _object(source)


def _object(source: Source) -> dict[str, Any]:
    try:
        value = json.loads(source.data)
    except (ValueError, RecursionError) as error:
        reason = str(error) if source.data else f"empty, or larger than {_LARGEST >> 20} MB"
        raise InputError(f"{source.where}: not JSON: {reason}") from error
    if not isinstance(value, dict):
        raise InputError(f"{source.where}: expected an object")
    return value


def _rows(value: Mapping[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of scores with their splits."""
    scores = value["scores"] if "scores" in value else _before_1_11(value)
    if not isinstance(scores, dict):
        raise InputError(f"{where}: scores: expected an object")
    for split, rows in scores.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{where}: scores: {split}: expected a list of objects")
        yield from ((split, row) for row in rows)


def _before_1_11(value: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The scores of the layout before mteb 1.11: by split, and by subset where there was more than one."""
    splits = {split: table for split, table in value.items() if isinstance(table, dict)}
    subsets = {split: {k: v for k, v in table.items() if isinstance(v, dict)} for split, table in splits.items()}
    return {
        split: [row | {"hf_subset": name} for name, row in (subsets[split] or {"default": table}).items()]
        for split, table in splits.items()
    }


_all_of = itemgetter(*KEYS)


def _whole_row(row: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The scores of a row that has them all, as nearly every one does; None where one must be looked at."""
    try:
        values: tuple[Any, ...] = _all_of(row)
    except KeyError:
        return None
    # The sum is NaN where one of them is.
    sound = set(map(type, values)) == {float} and min(values) >= 0 and max(values) <= 1 and sum(values) >= 0
    return values if sound else None


def _score(split: str, subset: str, key: str, row: Mapping[str, Any], dropped: list[Dropped]) -> float | None:
    value: Any = row.get(key)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 <= value <= 1:
        return float(value)
    if key in row and value is not None:
        seen = "NaN" if isinstance(value, float) and math.isnan(value) else str(value)[:40]
        dropped.append(Dropped(split, subset, key, seen))
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
