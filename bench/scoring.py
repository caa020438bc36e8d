"""From the questions of a language to the run that is kept and its scores: search, the one order, score, cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.answer_recall import answer_recall
from bench.census import CountedCorpus
from bench.collection import Answers, Qrels, Query
from bench.errors import StoppedError
from bench.plan import Plan
from bench.ranking import Ranking, Run, in_order, rank
from bench.retriever import Retriever, search_batches
from bench.scores import Scores, evaluate, merged
from bench.slices import sliced
from bench.watch import Watch
from bench.words import word_tokenizer

_AT_ONCE = 1 << 20  # Ranked documents that are held at once where most of them are not kept: some 100 MB.


@dataclass(frozen=True)
class Truth:
    """What the answers to the questions of a subset are told by; all None where a split has nothing public.

    `slices` has the slice of every relevant document, None where no measure is to be told apart by them.
    """

    qrels: Qrels | None
    answers: Answers | None = None
    slices: Mapping[str, str] | None = None


def search_and_score(
    plan: Plan, retriever: Retriever, queries: Sequence[Query], truth: Truth, corpus: CountedCorpus, watch: Watch
) -> tuple[Run, Scores | None]:
    """The run as it is kept, and its scores, None where there is nothing to score by.

    Where more is ranked than kept, some queries at a time are searched, scored and cut: what is held does not grow
    with queries times documents.
    """
    batches = batches_of(plan, queries, by_answers=truth.answers is not None)
    found = search_batches(retriever, batches, plan.depth + plan.task.drop_query_id)
    run: Run = {}
    parts = []
    for batch in batches:
        with watch.rest("search"):
            part = _searched(plan, next(found))
        with watch.phase("score"):
            parts.append(_scores(plan, part, batch, truth, corpus))
        run.update({query: ranking.cut(plan.kept) for query, ranking in part.items()})
    scored = [part for part in parts if part is not None]
    return run, merged(scored) if len(scored) > 1 else next(iter(scored), None)


def batches_of(plan: Plan, queries: Sequence[Query], *, by_answers: bool) -> list[Sequence[Query]]:
    """The queries that are searched and scored together: all, unless more is ranked than kept."""
    few = plan.kept < plan.depth and not by_answers
    size = max(1, _AT_ONCE // plan.depth) if few else len(queries)
    return [queries[start : start + size] for start in range(0, len(queries), size)]


def _scores(plan: Plan, run: Run, queries: Sequence[Query], truth: Truth, corpus: CountedCorpus) -> Scores | None:
    """The scores by answers or by judgments, whichever the split has."""
    if truth.answers is not None:
        # One more reading of the source holds no more than the texts of one language's run.
        texts = corpus.raw_texts({doc for ranking in run.values() for doc in ranking.docs})
        return answer_recall(run, texts, truth.answers, plan.measures, word_tokenizer())
    if truth.qrels is None:
        return None
    qrels = {query.id: truth.qrels[query.id] for query in queries if query.id in truth.qrels}
    scores = evaluate(run, qrels, plan.measures)
    if truth.slices is None:
        return scores
    wanted = [measure for measure in plan.measures if str(measure) in plan.task.sliced]
    return replace(scores, slices=sliced(run, qrels, truth.slices, wanted))


def _searched(plan: Plan, run: Run) -> Run:
    """The run in the one order, cut at the depth, without what the task's card drops."""
    result = {}
    for query, ranking in run.items():
        if len(set(ranking.docs)) != len(ranking.docs):
            raise StoppedError(f"{plan.system.name} returned a document twice for the query {query!r}")
        clean = ranking if in_order(ranking) else _ranked(query, ranking)
        if plan.task.drop_query_id:
            clean = clean.without(query)
        result[query] = clean.cut(plan.depth)
    return result


def _ranked(query: str, ranking: Ranking) -> Ranking:
    try:
        return rank(ranking.docs, ranking.scores)
    except StoppedError as error:
        raise StoppedError(f"query {query!r}: {error}") from error
