"""The one function that joins all: a plan is executed language by language, and each finished language is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.budget import within_limits
from bench.census import (
    Census,
    CountedCorpus,
    Difference,
    PinState,
    census_differences,
    judged_at,
    pin_state,
    uncertain_counts,
)
from bench.cluster.engine import engine_of, refuse_beforehand
from bench.collection import Query, SelfScored, Sliced, Source
from bench.distance import distances, reference, said
from bench.engine import Engine
from bench.entry import Block, Entry
from bench.errors import MissingError, StoppedError
from bench.files import check_writable
from bench.formats.trec import write_run
from bench.latency import query_latency
from bench.leaderboard import EntryFiles, keep
from bench.leaderboard.questions import keep_questions, may_be_kept, scored_questions
from bench.opening import differing_files, expected, open_all, questions_of, refuse, setting_of
from bench.perquery import rows_of
from bench.plan import Plan
from bench.ranking import Run
from bench.receipt import receipt
from bench.report import Facts, block_of, encoded_parts, identity_of, result_of
from bench.retriever import Asks, Retriever
from bench.sample import sampled
from bench.scores import Scores, refuse_without_answers
from bench.scoring import Truth, search_and_score
from bench.seeding import seeded
from bench.watch import Watch
from bench.workdir import sweep, workdir


@dataclass(frozen=True)
class Measured:
    """One language after it was measured."""

    subset: str
    run: Run
    scores: Scores | None
    block: Block
    notes: tuple[str, ...] = ()
    queries: Sequence[Query] = ()


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
    sources = open_all(plan, outcome.notes)
    sweep(plan.places.cache)
    plan = within_limits(plan, sources)
    for folder in (plan.output, _board(plan)):
        if folder is not None:
            check_writable(folder)  # Before the first batch: nobody wants to hear it after hours of encoding.
    known = [expected(plan, subset) for subset in sources]
    total = sum(n for n in known if n is not None) if None not in known else None
    watch.plan(f"{plan.system.name} on {plan.task.name}", total)
    with engine_of(plan, watch, outcome.notes) as engine:
        for subset, source in sources.items():
            with seeded(plan.seed):  # Each language by itself: its numbers do not depend on which were run before it.
                measured = _measured(plan, subset, source, watch, outcome, engine)
            outcome.blocks[subset] = measured.block
            _keep(plan, measured, outcome)
            watch.end(subset)
    return result_of(replace(_blank(plan), languages=outcome.blocks), outcome.notes, outcome.entry)


def rehearse(plan: Plan) -> dict[str, Any]:
    """What `execute` would do, after the same look at files, checksums and limits; nothing is written.

    Only limits make it load the models, and encode a few texts, as they do in a run. A cluster is not connected to.
    """
    notes: list[str] = []
    sources = open_all(plan, notes)
    if (plan.max_memory or plan.max_disk) and any(isinstance(encoder, Asks) for encoder in plan.system.encoders):
        notes.append("--max-memory, --max-disk: not looked at, since this would ask the endpoint")
    else:
        within_limits(plan, sources)
    refuse_beforehand(plan)
    entry = _blank(plan)
    board = _board(plan)
    return {
        "model": plan.system.name,
        "task": plan.task_name,
        "split": plan.split,
        "languages": list(sources),
        "measures": [str(m) for m in plan.measures],
        "k": plan.depth,
        "identity": entry.hex,
        "output": str(EntryFiles.of_result(plan.output, entry).entry.parent),
        "entry": str(EntryFiles.on_board(board, entry).entry) if board else None,
        "notes": notes,
    }


def _blank(plan: Plan) -> Entry:
    """The entry of the plan's identity, without any language yet."""
    bare = plan.system.bare and not plan.limit_docs and not plan.drop_self and plan.index is None
    return Entry(identity_of(plan), bare, tuple(map(str, plan.measures)), plan.subsets, {})


def _measured(plan: Plan, subset: str, source: Source, watch: Watch, outcome: _Outcome, engine: Engine) -> Measured:
    """One language measured; what stops it says where, and what of the run is kept."""
    try:
        measured = _measure(plan, subset, source, watch, engine)
    except StoppedError as error:
        kept = f"the languages {', '.join(outcome.blocks)} are kept" if outcome.blocks else "no language was finished"
        raise StoppedError(f"{plan.task_name}, {subset}: {error}\n{kept}") from error
    for text in measured.notes:
        outcome.note(text)
    return measured


def _measure(plan: Plan, subset: str, source: Source, watch: Watch, engine: Engine) -> Measured:
    """Index, search and score one language."""
    watch.begin(subset, expected(plan, subset))
    questions = questions_of(plan, subset, source)
    queries, qrels, answers = questions
    if qrels is not None:
        refuse_without_answers(plan.measures)
    sample = sampled(source, plan.sample, qrels, answers) if plan.sample else None
    if sample:
        watch.say(f"{subset}: all of the corpus is read to draw a sample from it")
    with workdir(plan.places.cache) as folder:
        corpus = CountedCorpus(plan.task, subset, sample or source, folder)
        corpus.unseen = questions.judged
        retriever = plan.system.build(setting_of(plan, subset, folder, watch, engine))
        with watch.rest("index"):
            retriever.index(corpus, folder)
        census = corpus.census(queries, qrels, answers)
        whole = replace(census, documents=sample.of) if sample else census
        differences = census_differences(plan.task, subset, whole, plan.split)
        if sample:
            differences = [difference for difference in differences if difference.pin != "fingerprint"]
        refuse([d for d in differences if d.hard], plan, subset)
        _refuse_unknown(plan, subset, source, corpus.unseen)
        truth = Truth(qrels, answers, _slices(plan, source))
        run, scores = search_and_score(plan, retriever, queries, truth, corpus, watch)
        latency = _latency(plan, retriever, queries, watch)
        loss = receipt(plan, retriever, queries, truth, corpus, watch)
        state = _pins(plan, subset, [*differing_files(plan, subset, source), *differences])
        apart = _distances(plan, retriever, queries, watch)
        facts = Facts(
            *(subset, queries, qrels or {}, run, scores, census, state, retriever, watch, sample, latency, loss, apart)
        )
        block = block_of(plan, facts) | _own_score(source, run)
        remarks = (*_remarks(plan, subset, whole, differences), *_absent(plan, subset, corpus.unseen))
        remarks += tuple(f"{plan.task_name}, {subset}: {said(one)}" for one in apart)
        return Measured(subset, run, scores, block, remarks, queries)


def _latency(plan: Plan, retriever: Retriever, queries: Sequence[Query], watch: Watch) -> dict[str, Any]:
    """How long a query takes by itself, now that the run is over."""
    depth, unknown = plan.depth + plan.task.drop_query_id, plan.system.unresolved is not None
    return query_latency(retriever, queries, depth, watch, seed=plan.seed, asked=plan.latency, unresolved=unknown)


def _distances(plan: Plan, retriever: Retriever, queries: Sequence[Query], watch: Watch) -> Sequence[dict[str, Any]]:
    """How far the scores are from those in float32, where a model does not compute in that."""
    parts, texts = encoded_parts(retriever), [query.text for query in queries]
    if not any(map(reference, parts)):
        return ()
    kept, remote = plan.places.cache / "distances", plan.cluster is not None
    with watch.aside("distances"):
        return distances(parts, texts, kept, seed=plan.seed, max_memory=plan.max_memory, remote=remote)


def _slices(plan: Plan, source: Source) -> Mapping[str, str] | None:
    """The slices of the relevant documents, if a measure of the plan is to be told apart by them."""
    wanted = not set(plan.task.sliced).isdisjoint(map(str, plan.measures))
    return source.slices() if wanted and isinstance(source, Sliced) else None


def _own_score(source: Source, run: Run) -> Block:
    """The score that the makers of the source have for a run, if they have one."""
    return {"own_score": source.own_score(run)._asdict()} if isinstance(source, SelfScored) else {}


def _absent(plan: Plan, subset: str, unseen: set[str]) -> tuple[str, ...]:
    """What a reader has to know of judged documents that are not there, where they were let pass."""
    found = f"{plan.task_name}, {subset}: judged documents that the corpus lacks count as never found: {len(unseen)}"
    return (found,) if unseen else ()


def _remarks(plan: Plan, subset: str, census: Census, differences: Sequence[Difference]) -> tuple[str, ...]:
    """What differs from a soft pin, and the counts that nothing is known to compare with."""
    where = f"{plan.task_name}, {subset}"
    soft = [f"{where}: {difference} (a soft pin)" for difference in differences if not difference.hard]
    counts = uncertain_counts(plan.task, subset, census)
    return (*soft, *([f"{where}: {', '.join(counts)}: nothing sure to compare with"] if counts else []))


def _pins(plan: Plan, subset: str, differences: Sequence[Difference]) -> PinState:
    """The state of the pins; a sample that differs in nothing looked at may still differ in the rest."""
    state = pin_state(plan.task, subset, differences, plan.split)
    return "unchecked" if plan.limit_docs and state == "match" else state


def _refuse_unknown(plan: Plan, subset: str, source: Source, unseen: set[str]) -> None:
    if unseen and not plan.allow_unpinned and plan.task.absent_documents == "refuse":
        first = f"{min(unseen)!r}{judged_at(source, document=min(unseen))}"
        raise MissingError(
            f"{plan.task.name}, {subset}: the qrels name {len(unseen)} documents that the corpus lacks, the first "
            f"{first}; get the data again, or go on without a leaderboard entry with --allow-unpinned"
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
    texts = scored_questions(measured.subset, measured.queries, rows) if may_be_kept(plan.task) else []
    keep(files, new, measured.subset, measured.block, rows, plan.task.measures)
    keep_questions(files, texts)
    if plan.board is None:
        return
    reason = _not_for_boards(plan, measured.block["pins"])
    if reason:
        outcome.note(f"no leaderboard entry: {reason}")
        return
    files = EntryFiles.on_board(plan.board, new)
    keep(files, new, measured.subset, measured.block, rows, plan.task.measures)
    keep_questions(files, texts)
    outcome.entry = str(files.entry)


def _board(plan: Plan) -> Path | None:
    """The board that the plan's results may enter if the data meet the pins."""
    return None if _not_for_boards(plan, "match") else plan.board


def _not_for_boards(plan: Plan, pins: PinState) -> str | None:
    """Why a result may not enter a leaderboard, None if it may."""
    if plan.system.unresolved:
        return plan.system.unresolved
    if plan.limit_docs:
        return f"a sample of each language's documents (--limit-docs {plan.limit_docs})"
    whole = plan.task.depth if plan.task.ranked else 0
    cut = [str(m) for m in plan.measures if (whole if m.depth is None else m.cutoff or 0) > plan.depth]
    if cut:
        return f"k = {plan.depth} retrieves fewer documents than {', '.join(cut)} looks at"
    if pins == "differ":
        return "the data differ from the card's pins"
    return None
