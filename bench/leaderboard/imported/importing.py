"""Taking over mteb's results: a compact table a task, one of the models, and an index of what was taken.

    imported/index.json          tasks with their subsets, splits, main measure, digests, and the values left out
    imported/<Task>.parquet      a row a model, revision, split and subset; a column a measure (imported_table)
    imported/models.parquet      a row a model and revision

Equal input gives equal bytes. The index is written last, so that a broken-off import is noticed. A task that the copy
lacks stays as an earlier import left it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError, MissingError
from bench.files import digest, dump_json, read_json, write_whole
from bench.leaderboard import locked
from bench.leaderboard.imported.models import described, read_models, write_models
from bench.leaderboard.imported.mteb_results import MAIN, MEASURES, META, Result, is_retrieval, meta, parsed, sources
from bench.leaderboard.imported.table import Table, write_table

FOLDER = "imported"
INDEX = "index.json"
FORMAT = 1
SOURCE = "embeddings-benchmark/results"
LICENCE = "CC0-1.0"
HEADINGS = ("model", "revision", "split", "subset", "mteb_version", "dataset_revision")
COLUMNS = (MAIN, *MEASURES.values())

LISTED = {"MIRACLRetrieval": "miracl", "MrTidyRetrieval": "mrtydi", "XQuADRetrieval": "xquad"}
"""mteb's tasks that are a card's; every other one is listed as `mteb:NAME`."""


class Imported(NamedTuple):
    """What an import has done: per mteb task its line of the index, what was skipped and why, and the bytes of all."""

    tasks: dict[str, dict[str, Any]]
    skipped: list[str]
    size: int


def import_mteb(
    copy: Path,
    board: Path,
    tasks: Collection[str] = (),
    commit: str | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Imported:
    """Take the results of a copy over into a board; `tasks` are mteb's names, all tasks of retrieval where empty.

    A file that is no result is skipped and `warn` told. MissingError where the copy holds nothing of these tasks or an
    archive is damaged: nothing is written then.
    """
    results, metas, skipped = _read(copy, set(tasks), warn)
    lacking = sorted(set(tasks) - set(results))
    if not results or lacking:
        what = ", ".join(lacking) or "any task of retrieval"
        raise MissingError(f"{copy}: no results of {what} there; tasks are named as mteb names them")
    folder = board / FOLDER
    with locked(board, FOLDER):
        index = read_index(folder) if (folder / INDEX).exists() else {"tasks": {}}
        written = {task: _write_task(folder, task, results[task]) for task in sorted(results)}
        pairs = {(result.model, result.revision) for task in results.values() for result in task}
        models = read_models(folder / "models.parquet") | described(pairs, metas)
        stored = {"format": FORMAT, "source": SOURCE, "licence": LICENCE, "commit": commit}
        stored["models"] = {"file": "models.parquet", "sha256": write_models(folder / "models.parquet", models)}
        stored["tasks"] = dict(sorted((index["tasks"] | written).items()))
        stored["digest"] = seal_of(stored)
        write_whole(folder / INDEX, dump_json(stored, indent=1).encode())
    return Imported(written, skipped, sum(file.stat().st_size for file in folder.iterdir()))


def read_index(folder: Path) -> dict[str, Any]:
    """The index of an imported folder; InputError where it is of another format."""
    value = read_json(folder / INDEX)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise InputError(f"{folder / INDEX}: not an index of format {FORMAT}: import again")
    return value


def seal_of(index: Mapping[str, Any]) -> str:
    """sha256 of all that an index says, but for the seal itself."""
    return digest({key: value for key, value in index.items() if key != "digest"})


Metas = dict[tuple[str, str], dict[str, Any]]


def _read(
    copy: Path, tasks: Collection[str], warn: Callable[[str], None]
) -> tuple[dict[str, list[Result]], Metas, list[str]]:
    """The results of a copy by task, the metadata by model folder and revision, and what was skipped."""
    found: dict[tuple[str, str, str], Result] = {}
    metas: Metas = {}
    skipped: list[str] = []
    for source in sources(copy):
        try:
            if source.name == META:
                metas[source.model, source.revision] = meta(source)
            elif (source.name in tasks) if tasks else is_retrieval(source):
                result = parsed(source)
                key = (result.task, result.model, result.revision)
                if found.setdefault(key, result) != result:
                    raise InputError(f"{source.where}: stands in the copy twice, with other scores")
        except InputError as error:
            skipped.append(str(error))
            warn(f"{error}: left out")
    by_task: dict[str, list[Result]] = {}
    for _, result in sorted(found.items()):
        by_task.setdefault(result.task, []).append(result)
    return by_task, metas, skipped


def _write_task(folder: Path, task: str, results: Sequence[Result]) -> dict[str, Any]:
    """Write the table of a task; its line of the index."""
    rows = [
        ((result.model, result.revision, line.split, line.subset, line.mteb_version, result.dataset_revision), line)
        for result in results
        for line in sorted(result.lines, key=attrgetter("split", "subset"))
    ]
    headings = dict(zip(HEADINGS, map(list, zip(*(heading for heading, _ in rows), strict=True)), strict=True))
    scores = np.array([line.values for _, line in rows], dtype=np.float64)  # None is NaN
    sha256 = write_table(folder / f"{task}.parquet", headings, COLUMNS, scores)
    languages = {line.subset: line.languages for _, line in rows if line.languages}
    return {
        "task": LISTED.get(task, f"mteb:{task}"),
        "file": f"{task}.parquet",
        "sha256": sha256,
        **line_of(Table(headings, dict(zip(COLUMNS, scores.T, strict=True)))),
        "languages": {subset: list(languages[subset]) for subset in sorted(languages)},
        "dropped": [
            {"model": result.model, "revision": result.revision, **dropped._asdict()}
            for result in results
            for dropped in result.dropped
        ],
    }


def line_of(table: Table) -> dict[str, Any]:
    """What the index says of a table that the table itself gives; its scores hold all of COLUMNS."""
    names = table.headings
    return {
        "models": len(set(names["model"])),
        "results": len(set(zip(names["model"], names["revision"], strict=True))),
        "rows": len(names["model"]),
        "main_measure": _main(table.scores),
        "splits": _splits(zip(names["split"], names["subset"], strict=True)),
    }


def _splits(pairs: Iterable[tuple[str | None, str | None]]) -> dict[str, list[str]]:
    """Every split with its subsets, the one that the task is listed by first: `test`, else the first by name."""
    subsets: dict[str, set[str]] = {}
    for split, subset in pairs:
        subsets.setdefault(str(split), set()).add(str(subset))
    return {split: sorted(subsets[split]) for split in sorted(subsets, key=lambda name: (name != "test", name))}


def _main(scores: Mapping[str, NDArray[np.float64]]) -> str:
    """The measure that is mteb's main score of a task: the one that equals it most often, nDCG@10 among equals."""
    equal = {name: int((scores[name] == scores[MAIN]).sum()) for name in COLUMNS[1:]}
    return max(equal, key=lambda name: (equal[name], name == "nDCG@10"))
