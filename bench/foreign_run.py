"""A run that another system made, scored here against the data of a task: an entry that says so.

Nothing is known of how it was made but its file; the entry holds the digest of that, and its model is `run:NAME`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.census import CountedCorpus, PinState, census_differences, check_queries, file_differences, pin_state
from bench.collection import Qrels, Query
from bench.entry import Block, Entry
from bench.errors import InputError, MissingError
from bench.expression import Kind
from bench.files import file_sha256
from bench.flags import checked_note, not_above_random, one_document_on_top, refuse_impossible
from bench.formats.trec import read_qrels, read_run
from bench.leaderboard import EntryFiles, keep, read_entry
from bench.leaderboard.questions import keep_questions, may_be_kept, scored_questions
from bench.loaders import open_source
from bench.measure import Measure
from bench.perquery import Row, rows_of
from bench.places import Places
from bench.provenance import hardware, now, versions
from bench.ranking import Run
from bench.scores import Scores, evaluate
from bench.task import Task
from bench.workdir import workdir


@dataclass(frozen=True)
class Foreign:
    """One language's run of a system: its file, how deep it was asked for, and where judgments come from.

    Without `qrels` the task's own data are read whole: counted, fingerprinted, and looked through for every document
    of the run.
    """

    task: Task
    split: str
    subset: str
    system: str
    file: Path
    qrels: Path | None = None
    depth: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class Data:
    """What is known of the data behind a run."""

    qrels: Qrels
    queries: int
    documents: int | None
    fingerprint: str | None
    pins: PinState
    asked: Sequence[Query] = ()


def add_run(board: Path, foreign: Foreign, places: Places, *, replace: bool = False) -> tuple[Path, Entry]:
    """Score a run and keep it on a board; the file of the entry, and the entry as it stands then.

    InputError where the run cannot be scored, or where the system has another run of that language there already and
    `replace` does not say that it goes.
    """
    run = _checked(foreign)
    data = _judgments(foreign.qrels) if foreign.qrels else _read(foreign, run, places)
    measures = _measures(foreign, run, data)
    scores = evaluate(run, data.qrels, measures)
    if len(scores.missing) == len(data.qrels):
        raise InputError(f"{foreign.file}: it has results for none of the {len(data.qrels)} judged queries")
    new = _blank(foreign, measures)
    files = EntryFiles.on_board(board, new)
    block = _block(foreign, run, data, scores)
    if files.entry.exists() and not replace:
        _refuse_other(files.entry, foreign, block)
    rows: list[Row] = rows_of(foreign.subset, scores)
    entry = keep(files, new, foreign.subset, block, rows, foreign.task.measures)
    if may_be_kept(foreign.task):
        keep_questions(files, scored_questions(foreign.subset, data.asked, rows))
    return files.entry, entry


def _checked(foreign: Foreign) -> Run:
    run = read_run(foreign.file)
    if not run:
        raise InputError(f"{foreign.file}: there is no result in it")
    if foreign.task.drop_query_id:
        run = {query: ranking.without(query) for query, ranking in run.items()}
    return run


def _judgments(path: Path) -> Data:
    """Judgments from a file alone: the data themselves were not looked at."""
    qrels = read_qrels(path)
    return Data(qrels, len(qrels), None, None, "unchecked")


def _read(foreign: Foreign, run: Run, places: Places) -> Data:
    """The task's own data, read whole once."""
    task, subset, split = foreign.task, foreign.subset, foreign.split
    source = open_source(task, subset, split, places)
    queries, qrels = source.queries(), source.qrels()
    if qrels is None:
        raise InputError(f"{task.named(split)}, {subset}: there are no public judgments: give a file with --qrels")
    check_queries(f"{task.named(split)}, {subset}", queries, qrels, source)
    with ExitStack() as stack:
        corpus = CountedCorpus(task, subset, source, stack.enter_context(workdir(places.cache)))
        corpus.unseen = {doc for ranking in run.values() for doc in ranking.docs}
        census = corpus.census(queries, qrels)
    if corpus.unseen:
        raise InputError(
            f"{foreign.file}: {len(corpus.unseen)} of its documents are not in {task.named(split)}, {subset}, "
            f"the first {min(corpus.unseen)!r}"
        )
    found = [*file_differences(task, subset, source, split), *census_differences(task, subset, census, split)]
    hard = [f"  {difference}" for difference in found if difference.hard]
    if hard:
        raise MissingError("\n".join([f"{task.name}, {subset}: the data differ from the card's pins:", *hard]))
    state = pin_state(task, subset, found, split)
    return Data(qrels, census.queries, census.documents, census.fingerprint, state, queries)


def _measures(foreign: Foreign, run: Run, data: Data) -> tuple[Measure, ...]:
    """The card's measures that a run of this depth can give; the main one must be among them."""
    main, *rest = foreign.task.measure_values
    if main.tokens is not None:
        raise InputError(f"{foreign.task.name}: {main} needs the texts of the passages: a run does not have them")
    deep = _depth(foreign, run)
    whole = foreign.task.depth if foreign.task.ranked else 0

    def looks_at(measure: Measure) -> int:
        return whole if measure.cutoff is None else measure.cutoff

    if looks_at(main) > deep:
        raise InputError(
            f"{foreign.file}: at most {deep} documents a query, and {main} looks at {looks_at(main)}: give --k if the "
            "system was asked for more"
        )
    return (main, *(m for m in rest if m.tokens is None and looks_at(m) <= deep))


def _depth(foreign: Foreign, run: Run) -> int:
    deepest = max(len(ranking.docs) for ranking in run.values())
    if foreign.depth is not None and foreign.depth < deepest:
        raise InputError(f"{foreign.file}: it has {deepest} documents for a query, --k says {foreign.depth}")
    return foreign.depth or deepest


def _blank(foreign: Foreign, measures: Sequence[Measure]) -> Entry:
    task = foreign.task
    name = checked_note(foreign.system)  # A name is held to what a note is: plain text of one line.
    identity = {
        "task": task.named(foreign.split),
        "split": foreign.split,
        "data": f"{task.source.name}@{task.source.revision}",
        "model": str(Kind("run", name)),
        "system": {"run": name},
        "document_text": None,
        "drop_query_id": task.drop_query_id,
        "index": None,
    }
    return Entry(identity, False, tuple(map(str, measures)), task.subsets_of(foreign.split), {})


def _block(foreign: Foreign, run: Run, data: Data, scores: Scores) -> Block:
    subset, pool = foreign.subset, data.documents
    refuse_impossible(str(foreign.file), scores.values)
    main = next(iter(scores.values))
    chance = not_above_random(subset, main, scores.values[main], data.qrels, pool) if pool else None
    flags = [flag for flag in (chance, one_document_on_top(subset, run, data.qrels)) if flag]
    return {str(m): scores.mean(m) for m in scores.values} | {
        "queries": data.queries,
        "scored": scores.queries,
        "documents": pool,
        "judged": sum(map(len, data.qrels.values())),
        "saturated": [str(m) for m in scores.values if pool and m.cutoff is not None and m.cutoff >= pool],
        "unanswered": len(scores.missing),
        "pins": data.pins,
        "fingerprint": data.fingerprint,
        "flags": [flag.as_dict() | {"expected": False} for flag in flags],
        **({"note": checked_note(foreign.note)} if foreign.note else {}),
        "recipe": _recipe(foreign, run),
    }


def _recipe(foreign: Foreign, run: Run) -> dict[str, Any]:
    task, subset = foreign.task, foreign.subset
    return {
        "data": {"source": task.source.name, "revision": task.source.revision},
        "languages": {"query": task.query_language(subset), "document": task.document_language(subset)},
        "run": {
            "sha256": file_sha256(foreign.file),
            "queries": len(run),
            "qrels": file_sha256(foreign.qrels) if foreign.qrels else None,
        },
        "k": _depth(foreign, run),
        "options": {"limit_docs": None, "allow_unpinned": False},
        "vectors": {"encoded": 0, "reused": 0},
        "seconds": {},
        "versions": versions(),
        "hardware": hardware(),
        "date": now(),
        "expected_flags": [],
    }


def _refuse_other(path: Path, foreign: Foreign, block: Block) -> None:
    old = read_entry(path).languages.get(foreign.subset)
    if old is not None and old["recipe"]["run"]["sha256"] != block["recipe"]["run"]["sha256"]:
        raise InputError(
            f"{path}: {foreign.system!r} has another run of {foreign.subset} there: give the system another name, or "
            "--replace"
        )
