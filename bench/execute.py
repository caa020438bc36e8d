"""The one function that joins all: a plan is executed language by language, and each finished language is kept."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.census import (
    CountedCorpus,
    Difference,
    census_differences,
    check_queries,
    file_differences,
    pin_state,
)
from bench.entry import Block, Entry
from bench.errors import MissingError, StoppedError
from bench.formats.trec import write_run
from bench.leaderboard import EntryFiles, keep
from bench.loaders import Source, open_source
from bench.perquery import rows_of
from bench.plan import Plan
from bench.ranking import Run, in_order, rank
from bench.report import Facts, block_of, identity_of, result_of
from bench.scores import Scores, evaluate
from bench.store import VectorStore
from bench.system import Setting
from bench.watch import Watch


@dataclass(frozen=True)
class Measured:
    """One language after it was measured."""

    subset: str
    run: Run
    scores: Scores | None
    block: Block


@dataclass
class _Outcome:
    """What a plan has led to so far."""

    blocks: dict[str, Block] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    entry: str | None = None

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)


def execute(plan: Plan, watch: Watch) -> dict[str, Any]:
    """Measure every language of the plan and return the result as `bench run --json` prints it.

    A language whose files are missing under --offline is listed as missing; MissingError if none is left. Whatever
    stops a run, the languages that were finished are kept.
    """
    outcome = _Outcome()
    sources = _open_all(plan, outcome.notes)
    _seed(plan.seed)
    known = [plan.task.languages[subset].documents for subset in sources]
    total = sum(n for n in known if n is not None) if None not in known else None
    watch.plan(f"{plan.system.name} on {plan.task.name}", total)
    for subset, source in sources.items():
        measured = _measure(plan, subset, source, watch)
        outcome.blocks[subset] = measured.block
        _keep(plan, measured, outcome)
        watch.end(subset)
    return result_of(replace(_blank(plan), languages=outcome.blocks), outcome.notes, outcome.entry)


def rehearse(plan: Plan) -> dict[str, Any]:
    """What `execute` would do, after the same look at files and checksums; nothing is encoded and nothing written."""
    notes: list[str] = []
    sources = _open_all(plan, notes)
    entry = _blank(plan)
    on_board = plan.board and not plan.system.unresolved and not plan.limit_docs
    return {
        "model": plan.system.name,
        "task": plan.task_name,
        "split": plan.split,
        "languages": list(sources),
        "measures": [str(m) for m in plan.measures],
        "k": plan.depth,
        "identity": entry.hex,
        "output": str(EntryFiles.of_result(plan.output, entry).entry.parent),
        "entry": str(EntryFiles.on_board(plan.board, entry).entry) if plan.board and on_board else None,
        "notes": notes,
    }


def _blank(plan: Plan) -> Entry:
    """The entry of the plan's identity, without any language yet."""
    return Entry(identity_of(plan), plan.system.bare, tuple(map(str, plan.measures)), plan.subsets, {})


def _open_all(plan: Plan, notes: list[str]) -> dict[str, Source]:
    """Look for all files before the first batch: presence and checksums."""
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for subset in plan.languages:
        try:
            source = open_source(plan.task, subset, plan.split, plan.places)
            _refuse([d for d in file_differences(plan.task, subset, source) if d.hard], plan, subset)
        except MissingError as error:
            if not plan.places.offline or "sha256" in str(error):
                raise
            faults.append(str(error))
            continue
        sources[subset] = source
    if not sources:
        raise MissingError("\n".join(faults))
    notes += [f"missing: {fault}" for fault in faults]
    return sources


def _measure(plan: Plan, subset: str, source: Source, watch: Watch) -> Measured:
    """Index, search and score one language."""
    watch.begin(subset, plan.task.languages[subset].documents)
    where = f"{plan.task.name}, {subset}"
    queries, qrels = source.queries(), source.qrels()
    check_queries(where, queries, qrels)
    with _workdir(plan.places.cache) as workdir:
        corpus = CountedCorpus(plan.task, subset, source, workdir, plan.limit_docs)
        corpus.unseen = {doc for labels in (qrels or {}).values() for doc in labels}
        setting = Setting(
            VectorStore(plan.places.cache / "vectors", watch.say),
            VectorStore(workdir / "vectors"),
            watch,
            plan.task.query_language(subset),
        )
        retriever = plan.system.build(setting)
        retriever.index(corpus, workdir)
        census = corpus.census(queries, qrels)
        differences = [] if plan.limit_docs else census_differences(plan.task, subset, census)
        _refuse([d for d in differences if d.hard], plan, subset)
        _refuse_unknown(plan, where, corpus.unseen)
        run = _searched(plan, retriever.search(queries, plan.depth + plan.task.drop_query_id), where)
        with watch.phase("score"):
            scores = evaluate(run, qrels, plan.measures) if qrels is not None else None
        state = pin_state(plan.task, subset, differences)
        facts = Facts(subset, queries, qrels or {}, run, scores, census, state, retriever, watch)
        return Measured(subset, run, scores, block_of(plan, facts))


def _searched(plan: Plan, run: Run, where: str) -> Run:
    """The run in the one order, cut at the depth, without what the task's card drops."""
    result = {}
    for query, ranking in run.items():
        if len(set(ranking.docs)) != len(ranking.docs):
            raise StoppedError(f"{where}: {plan.system.name} returned a document twice for the query {query!r}")
        clean = ranking if in_order(ranking) else rank(ranking.docs, ranking.scores)
        if plan.task.drop_query_id:
            clean = clean.without(query)
        result[query] = clean.cut(plan.depth)
    return result


def _refuse(differences: Sequence[Difference], plan: Plan, subset: str) -> None:
    if differences and not plan.allow_unpinned:
        lines = "\n".join(f"  {difference}" for difference in differences)
        raise MissingError(
            f"{plan.task.name}, {subset}: the data differ from the card's pins:\n{lines}\n"
            "get the data again, or go on without a leaderboard entry with --allow-unpinned"
        )


def _refuse_unknown(plan: Plan, where: str, unseen: set[str]) -> None:
    if unseen and not plan.limit_docs and not plan.allow_unpinned:
        raise MissingError(
            f"{where}: the qrels name {len(unseen)} documents that the corpus lacks, the first {min(unseen)!r}; "
            "get the data again, or go on without a leaderboard entry with --allow-unpinned"
        )


def _keep(plan: Plan, measured: Measured, outcome: _Outcome) -> None:
    """Write run, scores and entry of a language; into the board only what may stand there."""
    new = _blank(plan)
    files = EntryFiles.of_result(plan.output, new)
    write_run(files.entry.parent / f"{measured.subset}.trec.gz", measured.run, new.stem)
    if measured.scores is None:
        outcome.note(f"the split {plan.split!r} has no public judgments: the runs were written, nothing is scored")
        return
    rows = rows_of(measured.subset, measured.scores)
    keep(files, new, measured.subset, measured.block, rows)
    if plan.board is None:
        return
    reason = _not_for_boards(plan, measured.block)
    if reason:
        outcome.note(f"no leaderboard entry: {reason}")
        return
    files = EntryFiles.on_board(plan.board, new)
    keep(files, new, measured.subset, measured.block, rows)
    outcome.entry = str(files.entry)


def _not_for_boards(plan: Plan, block: Block) -> str | None:
    """Why a result may not enter a leaderboard, None if it may."""
    if plan.system.unresolved:
        return plan.system.unresolved
    if plan.limit_docs:
        return f"a sample of the first {plan.limit_docs} documents"
    if block["pins"] == "differ":
        return "the data differ from the card's pins"
    return None


@contextmanager
def _workdir(cache: Path) -> Iterator[Path]:
    """A folder for what lives no longer than one language's run."""
    try:
        (cache / "work").mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=cache / "work"))
    except OSError as error:
        raise StoppedError(f"{cache}: the cache folder cannot be written: {error.strerror or error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _seed(seed: int) -> None:
    """Seed what a model may draw from; the harness itself draws nothing."""
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
