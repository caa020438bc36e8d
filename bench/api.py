"""The Python interface: `bench.run` and `bench.evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench import scores
from bench.collection import Qrels
from bench.execute import execute
from bench.measure import Measure
from bench.plan import Plan
from bench.ranking import Ranking, rank
from bench.request import Request
from bench.task import Task
from bench.watch import Watch


def run(
    model: Any,
    task: str | Task,
    languages: Sequence[str] | None = None,
    *,
    watch: Watch | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Measure a model on a task and return what `bench run --json` prints for it.

    `model` is a name or expression, an object with `encode_queries` and `encode_docs` (or `index` and `search`), or a
    function from a list of texts to an array. `options` are those of `bench.request.Request`. Runs and per-query scores
    are left under `output` (default: the cache); an entry is written only where `board` names a folder. Raises the
    errors of `bench.errors`.
    """
    return execute(planned(model, task, languages, **options), watch or Watch())


def planned(model: Any, task: str | Task, languages: Sequence[str] | None = None, **options: Any) -> Plan:
    """The plan of a run, with names resolved and defaults filled in; `options` are those of `run`."""
    return Request(model, task, languages, **options).plan()


def evaluate(
    run: Mapping[str, Mapping[str, float]], qrels: Qrels, measures: Sequence[str], **options: Any
) -> scores.Scores:
    """Score a run given as query -> document -> score; `options` are those of `bench.scores.evaluate`."""
    ranked: dict[str, Ranking] = {q: rank(list(docs), list(docs.values())) for q, docs in run.items()}
    return scores.evaluate(ranked, qrels, [Measure.parse(name) for name in measures], **options)
