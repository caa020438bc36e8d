"""What a system is, what the command line says of how models run, and what a builder is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.compact import Compact
from bench.encoding import TextEncoder
from bench.engine import LOCAL, Engine
from bench.expression import Expression
from bench.model import Model
from bench.registry import Registry
from bench.retriever import Retriever
from bench.search import MEMORY
from bench.search.approximate import Factory
from bench.store import SHARD_SIZE, VectorStore
from bench.watch import Watch
from bench.weights import Located


@dataclass(frozen=True)
class Options:
    """What the command line says of how models run; None leaves it to the card.

    `weights` are one folder, or two: the query's and the passage's encoder. `cache` is where replies of endpoints are
    kept, None to keep none; `bundled` holds the models of the hub that a bundle brings along. `allow_pickle` lets
    weights be read from pickles. `vectors` is how documents' vectors are stored and `index` what searches them, of
    every model with single vectors; None for float32 and for exact search.
    """

    weights: tuple[Path, ...] | None = None
    device: str | None = None
    dtype: str | None = None
    attention: str | None = None
    trust_remote_code: bool = False
    offline: bool = False
    cache: Path | None = None
    bundled: Path | None = None
    allow_pickle: bool = False
    vectors: Compact | None = None
    index: Factory | None = None

    @property
    def first_device(self) -> str | None:
        """The first of several devices, for what runs on one alone."""
        return self.device.partition(",")[0].strip() if self.device else None


@dataclass(frozen=True)
class Setting:
    """Where a retriever works: the stores of vectors, the watch, the language of the queries, texts a shard.

    `memory` is what a search may use, in bytes beside what is held already; `engine` is who encodes and searches.
    """

    store: VectorStore
    temporary: VectorStore
    watch: Watch
    query_language: str
    shard_size: int = SHARD_SIZE
    memory: int = MEMORY
    engine: Engine = LOCAL


@dataclass(frozen=True)
class System:
    """What is measured. `name` is the canonical expression; `identity` is JSON of all that makes its scores.

    `bare` means one card with the card's own settings, so that its name alone says what it is. `unresolved` is the
    reason why its results cannot enter a leaderboard, None if they can. `encoders` are the text encoders in it whose
    vectors are stored, `stages` its re-rankers and rewriters, `weights` the folders that all of them read.
    """

    name: str
    bare: bool
    identity: dict[str, Any]
    build: Callable[[Setting], Retriever]
    encoders: tuple[TextEncoder, ...] = ()
    cards: tuple[Model, ...] = ()
    unresolved: str | None = None
    weights: tuple[Located, ...] = ()
    stages: tuple[Any, ...] = ()


def combined(
    name: str,
    identity: dict[str, Any],
    build: Callable[[Setting], Retriever],
    members: Sequence[System],
    *,
    weights: tuple[Located, ...] = (),
    unresolved: str | None = None,
    stages: tuple[Any, ...] = (),
) -> System:
    """A system that is made of others: it has what they have, and what keeps one off a board; its own come last."""
    return System(
        name=name,
        bare=False,
        identity=identity,
        build=build,
        encoders=tuple(encoder for member in members for encoder in member.encoders),
        cards=tuple(card for member in members for card in member.cards),
        unresolved=next((member.unresolved for member in members if member.unresolved), unresolved),
        weights=(*(folder for member in members for folder in member.weights), *weights),
        stages=(*(stage for member in members for stage in member.stages), *stages),
    )


@dataclass(frozen=True)
class Context:
    """What a builder is given: the cards, the options, what the task says, and how to resolve a part of an expression.

    `instruction` is the task's for models that take one; `task` is its name, for models that have prompts by task.
    """

    registry: Registry
    options: Options
    part: Callable[[Expression], System]
    instruction: str | None = None
    task: str | None = None
