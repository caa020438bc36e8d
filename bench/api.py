"""The Python interface: `bench.run` and `bench.evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import scores
from bench.cluster import Origin, chosen_cluster
from bench.collection import Qrels
from bench.compact import Compact
from bench.errors import InputError, unknown
from bench.execute import execute
from bench.flags import checked_note
from bench.measure import Measure, parse_measures
from bench.places import Places, bundled_hub, data_folder, default_cache, from_environment
from bench.plan import Plan
from bench.ranking import Ranking, rank
from bench.registry import Registry
from bench.search.approximate import Factory
from bench.sizes import parse_size
from bench.store import SHARD_SIZE
from bench.system import Options, resolve
from bench.task import Task
from bench.watch import Watch
from bench.weights import folders_of


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
    function from a list of texts to an array. `options` are those of `planned`. Runs and per-query scores are left
    under `output` (default: the cache); an entry is written only where `board` names a folder. Raises the errors of
    `bench.errors`.
    """
    return execute(planned(model, task, languages, **options), watch or Watch())


def planned(
    model: Any,
    task: str | Task,
    languages: Sequence[str] | None = None,
    *,
    split: str | None = None,
    k: int | None = None,
    measures: Sequence[str] | None = None,
    weights: str | Path | Sequence[str | Path] | None = None,
    device: str | None = None,
    dtype: str | None = None,
    attention: str | None = None,
    vectors: str | None = None,
    index: str | None = None,
    data: str | Path | None = None,
    cache: str | Path | None = None,
    cards: str | Path | None = None,
    board: str | Path | None = None,
    output: str | Path | None = None,
    limit_docs: int | None = None,
    shard_size: int | None = None,
    seed: int = 0,
    drop_self: bool = False,
    note: str | None = None,
    allow_unpinned: bool = False,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
    offline: bool = False,
    max_memory: int | str | None = None,
    max_disk: int | str | None = None,
    latency: bool | None = None,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
) -> Plan:
    """The plan of a run, with names resolved and defaults filled in; `None` leaves an option to card or environment.

    `vectors` is how documents are stored, such as `int8` or `dims=128` (`bench.compact`), `index` a factory string of
    FAISS (`bench.search.approximate`). `max_memory` and `max_disk` are bytes, or sizes such as `2GB`. `engine` is
    `local`, or `ray` at an `address` or started here, with so many `workers`.
    """
    own_cards = _path(cards) or from_environment("BENCH_CARDS")
    registry = Registry(own_cards)
    card = task if isinstance(task, Task) else registry.task(task)
    cache_folder = _path(cache) or default_cache()
    copies = _path(data) or from_environment("BENCH_DATA")
    chosen = Options(
        weights=folders_of(weights),
        device=device,
        dtype=dtype,
        attention=attention,
        trust_remote_code=trust_remote_code,
        offline=offline,
        cache=cache_folder,
        bundled=bundled_hub(copies),
        allow_pickle=allow_pickle,
        vectors=Compact.parse(vectors) if vectors is not None else None,
        index=Factory.parse(index) if index is not None else None,
    )
    origin = Origin(model, own_cards, chosen, card.instruction, card.name)
    cluster = chosen_cluster(origin, engine, address, workers)
    if cluster and chosen.index:
        raise InputError(f"--index {chosen.index}: it is built and searched in this process: take --engine local")
    return Plan(
        system=resolve(model, registry, chosen, card.instruction, card.name),
        task=_without_itself(card) if drop_self else card,
        languages=chosen_languages(card, languages, split),
        split=chosen_split(card, split),
        measures=parse_measures(measures) if measures else card.measure_values,
        places=Places(data_folder(copies), cache_folder, offline),
        output=_path(output) or cache_folder / "results",
        board=_path(board),
        k=_at_least_one(k, "k"),
        limit_docs=_at_least_one(limit_docs, "limit_docs"),
        seed=seed,
        drop_self=drop_self,
        allow_unpinned=allow_unpinned,
        shard_size=_at_least_one(shard_size, "shard_size") or SHARD_SIZE,
        note=checked_note(note) if note is not None else None,
        max_memory=_bytes(max_memory, "max_memory"),
        max_disk=_bytes(max_disk, "max_disk"),
        # By workers no model is loaded here, and it would be for this alone.
        latency=False if cluster and latency is None else latency,
        cluster=cluster,
        index=chosen.index,
    )


def evaluate(
    run: Mapping[str, Mapping[str, float]], qrels: Qrels, measures: Sequence[str], **options: Any
) -> scores.Scores:
    """Score a run given as query -> document -> score; `options` are those of `bench.scores.evaluate`."""
    ranked: dict[str, Ranking] = {q: rank(list(docs), list(docs.values())) for q, docs in run.items()}
    return scores.evaluate(ranked, qrels, [Measure.parse(name) for name in measures], **options)


def chosen_languages(task: Task, wanted: Sequence[str] | None, split: str | None = None) -> tuple[str, ...]:
    """The subsets that were asked for, in the card's order; a source's own code is understood.

    None means all that have the split. InputError lists those that the task, or its split, has.
    """
    there = task.subsets_of(chosen_split(task, split))
    if not wanted:
        return there
    own_codes = {row.source_code: code for code, row in task.languages.items() if row.source_code}
    codes = [own_codes.get(code, code) for code in wanted]
    for code in codes:
        if code not in there:
            name = task.named(split or task.split)
            raise unknown("language", code, there, f"{name} has {', '.join(there)}")
    return tuple(code for code in there if code in codes)


def chosen_split(task: Task, split: str | None) -> str:
    """The split that was asked for; None means the card's default."""
    if split is not None and split not in task.all_splits:
        raise unknown("split", split, task.all_splits, f"{task.name} has {', '.join(task.all_splits)}")
    return split or task.split


def _without_itself(card: Task) -> Task:
    """The task with a query's own id dropped from its ranking, which only a folder leaves open."""
    if not card.name.startswith("path:"):
        does = "is" if card.drop_query_id else "is not"
        raise InputError(
            f"--drop-self: {card.name} has a card, by which a document with the query's own id {does} dropped; the "
            "option is for path:DIR alone"
        )
    return card.model_copy(update={"drop_query_id": True})


def _at_least_one(value: int | None, name: str) -> int | None:
    if value is not None and value < 1:
        raise InputError(f"{name}: expected a whole number from 1 on, found {value}")
    return value


def _bytes(value: int | str | None, name: str) -> int | None:
    return parse_size(value, f"--{name.replace('_', '-')}") if isinstance(value, str) else _at_least_one(value, name)


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value is not None else None
