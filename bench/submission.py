"""What the organisers of a benchmark take: their own file of predictions, made from the runs of a result folder.

- XOR-Retrieve: one JSON array over all languages, with the texts of the passages (bench.formats.xor)
- XTREME-UP: a file a language, a line a question (bench.formats.xtreme_up)
- every other: a TREC run a language

A split without public judgments has runs and nothing else, so tasks and splits are known by the names of folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Query, Source
from bench.entry import task_folder
from bench.errors import InputError, MissingError
from bench.formats.trec import run_blocks
from bench.formats.xor import prediction_file, predictions
from bench.formats.xtreme_up import prediction_lines
from bench.leaderboard import read_entry
from bench.loaders import open_source
from bench.places import Places
from bench.ranking import Run
from bench.registry import Registry
from bench.results import Result
from bench.task import Task

Files = Iterator[tuple[str, Iterable[bytes]]]
"""Names below the folder of submissions, and the blocks of each file; a file is read to its end before the next."""


@dataclass(frozen=True)
class Submitted:
    """A result folder with the task and split that its runs are of."""

    result: Result
    task: Task
    split: str

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.result.folder)

    @property
    def folder(self) -> str:
        """Where its files go, below the folder of submissions."""
        return f"{task_folder(self.task.named(self.split))}/{self.result.folder.name}"

    @property
    def subsets(self) -> tuple[str, ...]:
        """The languages that were run, in the card's order."""
        return tuple(subset for subset in self.task.subsets_of(self.split) if self.result.has(subset))

    @property
    def missing(self) -> tuple[str, ...]:
        """Those that the split has and that were not run."""
        return tuple(subset for subset in self.task.subsets_of(self.split) if subset not in self.subsets)


def submitted(folders: Iterable[Path], registry: Registry) -> list[Submitted]:
    """The result folders among those given and below them; MissingError where one has no runs.

    InputError for a sample, whose rankings nobody else can compare, and where the task has no card.
    """
    found: dict[Path, Submitted] = {}
    for folder in folders:
        here = sorted({path.parent for path in folder.rglob("*.trec.gz")}) if folder.is_dir() else []
        if not here:
            raise MissingError(f"{folder}: no <language>.trec.gz in it or below it; bench run --output DIR leaves them")
        found |= {path: _submitted(path, registry) for path in here}
    return list(found.values())


def _submitted(folder: Path, registry: Registry) -> Submitted:
    path = folder / "entry.json"
    entry = read_entry(path) if path.exists() else None
    if entry is None:
        return Submitted(Result(folder, None), *_named(folder.absolute().parent.name, folder, registry))
    if entry.identity.get("sample"):
        raise InputError(f"{folder}: a sample of the documents was searched: its rankings are not those of the task")
    name, split = entry.identity["task"], entry.identity["split"]
    return Submitted(Result(folder, entry), registry.task(name.removesuffix(f"@{split}")), split)


def _named(name: str, folder: Path, registry: Registry) -> tuple[Task, str]:
    """The task and the split that a folder is named for."""
    for known in registry.task_names():
        if name.partition("@")[0] == task_folder(known):
            task = registry.task(known)
            splits = [split for split in task.all_splits if task_folder(task.named(split)) == name]
            if splits:
                return task, splits[0]
    raise InputError(f"{folder}: there is no entry in it, and {name!r} is no <task> or <task>@<split> that has a card")


def trec_files(one: Submitted) -> Files:
    """The runs, unpacked, a file a language."""
    for subset in one.subsets:
        yield f"{one.folder}/{subset}.trec", run_blocks(one.result.run(subset), one.result.folder.name)


def submission_files(one: Submitted, places: Places, *, allow_unpinned: bool = False) -> Files:
    """What the benchmark of a result takes.

    InputError where a run has a question that the split has not, or where XOR-Retrieve lacks a language: its script
    passes over questions that are not in the file, so such a file would score too high or too low without a word.
    """
    if one.task.loader == "xor":
        return _xor(one, places, allow_unpinned)
    if one.task.loader == "xtreme_up":
        return _xtreme_up(one, places, allow_unpinned)
    return trec_files(one)


def _xtreme_up(one: Submitted, places: Places, allow_unpinned: bool) -> Files:
    for subset in one.subsets:
        run = one.result.run(subset)
        queries = _queries(one, subset, open_source(one.task, subset, one.split, places), run, allow_unpinned)
        code = one.task.languages[subset].source_code or subset
        yield f"{one.folder}/{code}.jsonl", [prediction_lines(queries, run).encode()]


def _xor(one: Submitted, places: Places, allow_unpinned: bool) -> Files:
    if one.missing:
        raise InputError(
            f"{one.name}: no run of {', '.join(one.missing)}: a submission has every language of the split"
        )
    sources = {subset: open_source(one.task, subset, one.split, places) for subset in one.subsets}
    runs = {subset: one.result.run(subset) for subset in one.subsets}
    asked = {s: _queries(one, s, sources[s], runs[s], allow_unpinned) for s in one.subsets}
    wanted = {doc for run in runs.values() for ranking in run.values() for doc in ranking.docs}
    texts = _texts(one, next(iter(sources.values())), wanted)
    codes = {subset: one.task.languages[subset].source_code or subset for subset in one.subsets}
    rows = (predictions(codes[subset], asked[subset], runs[subset], texts) for subset in one.subsets)
    yield f"{one.folder}/{one.task.name}.{one.split}.json", [prediction_file(rows).encode()]


def _queries(one: Submitted, subset: str, source: Source, run: Run, allow_unpinned: bool) -> Sequence[Query]:
    """The questions of a subset, which are those that the run and the card are about."""
    queries = source.queries()
    pinned = one.task.pinned(subset, one.split).queries
    if pinned is not None and len(queries) != pinned and not allow_unpinned:
        raise MissingError(
            f"{one.task.named(one.split)}, {subset}: {len(queries)} questions, the card counts {pinned}: get the data "
            "again, or go on with --allow-unpinned"
        )
    strange = run.keys() - {query.id for query in queries}
    if strange:
        raise InputError(f"{one.name}: {subset}: the run has {len(strange)} questions that are not of "
                         f"{one.task.named(one.split)}, the first {min(strange)!r}")  # fmt: skip
    return queries


def _texts(one: Submitted, source: Source, wanted: set[str]) -> Mapping[str, str]:
    """The texts of the documents wanted, without their titles: one pass over the corpus, which ends with the last."""
    texts: dict[str, str] = {}
    for passage in source.passages():
        if passage.id in wanted:
            texts[passage.id] = passage.text
            if len(texts) == len(wanted):
                break
    lacking = wanted - texts.keys()
    if lacking:
        raise MissingError(
            f"{one.name}: {len(lacking)} documents of its runs are not in the passages of {one.task.name}, the first "
            f"{min(lacking)!r}: these are other passages than those that were searched"
        )
    return texts
