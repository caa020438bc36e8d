"""A request: what a user may say of a run, as it is typed; it becomes a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from bench.cluster import Origin, chosen_cluster
from bench.compact import Compact
from bench.errors import InputError
from bench.flags import checked_note
from bench.measure import parse_measures
from bench.places import Places, bundled_hub, data_folder, default_cache, from_environment
from bench.plan import Plan
from bench.registry import Registry
from bench.search.approximate import Factory
from bench.sizes import parse_size
from bench.store import SHARD_SIZE
from bench.subsets import chosen_languages, chosen_split
from bench.system import Options, resolve
from bench.task import Task
from bench.weights import folders_of


@dataclass(frozen=True)
class Request:
    """A model, a task and all options of a run; `None` leaves an option to the card, the environment or the default.

    `vectors` is how documents are stored, such as `int8` or `dims=128` (`bench.compact`), `index` a factory string of
    FAISS (`bench.search.approximate`). `max_memory` and `max_disk` are bytes, or sizes such as `2GB`. `engine` is
    `local`, or `ray` at an `address` or started here, with so many `workers`. `output` is by default in the cache;
    without `board` no entry is written.
    """

    model: Any
    task: str | Task
    languages: Sequence[str] | None = None
    _: KW_ONLY
    # What is measured.
    split: str | None = None
    k: int | None = None
    measures: Sequence[str] | None = None
    limit_docs: int | None = None
    seed: int = 0
    drop_self: bool = False
    note: str | None = None
    latency: bool | None = None
    # How the model runs, and what is made of its vectors.
    weights: str | Path | Sequence[str | Path] | None = None
    device: str | None = None
    dtype: str | None = None
    attention: str | None = None
    vectors: str | None = None
    index: str | None = None
    shard_size: int | None = None
    # Where things lie.
    data: str | Path | None = None
    cache: str | Path | None = None
    cards: str | Path | None = None
    board: str | Path | None = None
    output: str | Path | None = None
    # What is allowed.
    allow_unpinned: bool = False
    trust_remote_code: bool = False
    allow_pickle: bool = False
    offline: bool = False
    max_memory: int | str | None = None
    max_disk: int | str | None = None
    # Who works.
    engine: str = "local"
    address: str | None = None
    workers: int | None = None

    def plan(self) -> Plan:
        """The plan, with names resolved, values checked and defaults filled in; InputError for what makes no sense."""
        own_cards = _path(self.cards) or from_environment("BENCH_CARDS")
        registry = Registry(own_cards)
        card = self.task if isinstance(self.task, Task) else registry.task(self.task)
        cache = _path(self.cache) or default_cache()
        copies = _path(self.data) or from_environment("BENCH_DATA")
        chosen = self._model_options(cache, copies)
        origin = Origin(self.model, own_cards, chosen, card.instruction, card.name)
        cluster = chosen_cluster(origin, self.engine, self.address, self.workers)
        if cluster and chosen.index:
            raise InputError(f"--index {chosen.index}: it is built and searched in this process: take --engine local")
        return Plan(
            system=resolve(self.model, registry, chosen, card.instruction, card.name),
            task=_without_itself(card) if self.drop_self else card,
            languages=chosen_languages(card, self.languages, self.split),
            split=chosen_split(card, self.split),
            measures=parse_measures(self.measures) if self.measures else card.measure_values,
            places=Places(data_folder(copies), cache, self.offline),
            output=_path(self.output) or cache / "results",
            board=_path(self.board),
            k=_at_least_one(self.k, "k"),
            limit_docs=_at_least_one(self.limit_docs, "limit_docs"),
            seed=self.seed,
            drop_self=self.drop_self,
            allow_unpinned=self.allow_unpinned,
            shard_size=_at_least_one(self.shard_size, "shard_size") or SHARD_SIZE,
            note=checked_note(self.note) if self.note is not None else None,
            max_memory=_bytes(self.max_memory, "max_memory"),
            max_disk=_bytes(self.max_disk, "max_disk"),
            # By workers no model is loaded here, and it would be for this alone.
            latency=False if cluster and self.latency is None else self.latency,
            cluster=cluster,
            index=chosen.index,
        )

    def _model_options(self, cache: Path, copies: Path | None) -> Options:
        return Options(
            weights=folders_of(self.weights),
            device=self.device,
            dtype=self.dtype,
            attention=self.attention,
            trust_remote_code=self.trust_remote_code,
            offline=self.offline,
            cache=cache,
            bundled=bundled_hub(copies),
            allow_pickle=self.allow_pickle,
            vectors=Compact.parse(self.vectors) if self.vectors is not None else None,
            index=Factory.parse(self.index) if self.index is not None else None,
        )


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
