"""A system: a model expression made ready to measure, with everything that identifies it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.adapters.own import OwnEncoder, OwnRetriever, is_encoder, is_retriever, load
from bench.encoding import TextEncoder
from bench.errors import InputError, unknown
from bench.expression import Call, Expression, Kind, Name, leaves, parse_expression
from bench.files import digest
from bench.model import Model, Sides
from bench.registry import Registry
from bench.retriever import Retriever
from bench.store import SHARD_SIZE, VectorStore
from bench.watch import Watch
from bench.weights import Located, hub, local_folder, locate


@dataclass(frozen=True)
class Options:
    """What the command line says of how models run; None leaves it to the card."""

    weights: Path | None = None
    device: str | None = None
    dtype: str | None = None
    trust_remote_code: bool = False
    offline: bool = False


@dataclass(frozen=True)
class Setting:
    """Where a retriever works: the stores of vectors, the watch, the language of the queries, texts a shard."""

    store: VectorStore
    temporary: VectorStore
    watch: Watch
    query_language: str
    shard_size: int = SHARD_SIZE


@dataclass(frozen=True)
class System:
    """What is measured. `name` is the canonical expression; `identity` is JSON of all that makes its scores.

    `bare` means one card with the card's own settings, so that its name alone says what it is. `unresolved` is the
    reason why its results cannot enter a leaderboard, None if they can. `encoders` are the text encoders in it.
    """

    name: str
    bare: bool
    identity: dict[str, Any]
    build: Callable[[Setting], Retriever]
    encoders: tuple[TextEncoder, ...] = ()
    cards: tuple[Model, ...] = ()
    unresolved: str | None = None


def resolve(model: Any, registry: Registry, options: Options, instruction: str | None = None) -> System:
    """The system that an expression or a Python object is. Loads no weights, but looks that they are there."""
    if not isinstance(model, str):
        return _own(model, f"python:{_type_name(model)}")
    tree = parse_expression(model)
    resolver = _Resolver(registry, options, instruction)
    resolver.refuse_unused(tree)
    return resolver.system(tree)


@dataclass(frozen=True)
class _Resolver:
    registry: Registry
    options: Options
    instruction: str | None = None
    functions: dict[str, str] = field(default_factory=lambda: {"rrf": "rrf(a, b, k=60, depth=1000)"})

    def refuse_unused(self, tree: Expression) -> None:
        """An option that no model of the expression takes would be passed over in silence: it is a mistake."""
        if self.options.weights is None and self.options.dtype in (None, "float32"):
            return
        takes = {option for leaf in leaves(tree) for option in self._taken(leaf)}
        if self.options.weights is not None and "weights" not in takes:
            raise InputError(f"{tree}: --weights: no model in it takes weights from a folder")
        if self.options.dtype not in (None, "float32") and "dtype" not in takes:
            raise InputError(f"{tree}: --dtype {self.options.dtype}: no model in it has a dtype to choose")

    def _taken(self, leaf: Name | Kind) -> tuple[str, ...]:
        if isinstance(leaf, Kind):
            return ("dtype",) if leaf.kind in ("hf", "path") else ()
        return ("weights", "dtype") if self.registry.model(leaf.text).kind == "dense" else ()

    def system(self, tree: Expression) -> System:
        if isinstance(tree, Call):
            return self._call(tree)
        if isinstance(tree, Kind):
            return self._kind(tree)
        return self._card(tree)

    def _card(self, tree: Name) -> System:
        card = self.registry.model(tree.text)
        if card.kind == "bm25":
            return _bm25(card)
        if card.kind == "embedded":
            from bench.adapters.embedded import embedded_encoder

            weights = locate(card, None, offline=self.options.offline)
            return _encoder(str(tree), embedded_encoder(card, weights), bare=True, cards=(card,))
        weights = locate(card, self.options.weights, offline=self.options.offline)
        own = self.options.weights is None and self.options.dtype in (None, card.dtypes[0])
        return _encoder(str(tree), self._dense(card, weights), bare=own, cards=(card,))

    def _dense(self, card: Model, weights: Located) -> TextEncoder:
        from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings

        dtype = self.options.dtype or card.dtypes[0]
        if dtype not in card.dtypes:
            raise InputError(f"{card.name}: --dtype {dtype}: its card allows {', '.join(card.dtypes)}")
        settings = Settings(
            prompts=self._filled(card),
            pooling=card.pooling,
            similarity=card.similarity,
            max_length=card.max_length,
            dtype=dtype,
            device=self.options.device,
            trust_remote_code=self.options.trust_remote_code,
        )
        return SentenceTransformerEncoder(weights, settings)

    def _filled(self, card: Model) -> Sides | None:
        """The prompts with the task's instruction in them."""
        if card.prompts is None:
            return None
        texts = {"query": card.prompts.query, "document": card.prompts.document}
        if any("{instruction}" in text for text in texts.values()) and self.instruction is None:
            raise InputError(f"{card.name}: its prompt takes the task's instruction, and the task's card has none")
        return Sides(**{side: text.replace("{instruction}", self.instruction or "") for side, text in texts.items()})

    def _kind(self, tree: Kind) -> System:
        if tree.kind == "python":
            return _own(load(tree.rest), str(tree))
        if tree.kind == "path":
            weights = local_folder(Path(tree.rest).expanduser())
            name = str(Kind("path", weights.name))
        elif tree.kind == "hf":
            model, _, revision = tree.rest.partition("@")
            weights = hub(model, revision or None, offline=self.options.offline)
            name = str(tree)
        else:
            raise unknown("kind of model", tree.kind, ("hf", "path", "python"), "bench models list")
        dtype = self.options.dtype or "float32"
        card = Model(name="unnamed", kind="dense", description="", licence="unknown", languages="any", dtypes=(dtype,))
        return _encoder(name, self._dense(card, weights), bare=False)

    def _call(self, tree: Call) -> System:
        if tree.function not in self.functions:
            raise unknown("function", tree.function, self.functions, f"known: {', '.join(self.functions.values())}")
        if len(tree.arguments) < 2:
            raise InputError(f"{tree}: rrf fuses two models or more")
        options = {name: _whole(tree, name, value) for name, value in tree.options}
        if set(options) - {"k", "depth"}:
            raise unknown("option", min(set(options) - {"k", "depth"}), ("k", "depth"), self.functions["rrf"])
        members = [self.system(argument) for argument in tree.arguments]

        def build(setting: Setting) -> Retriever:
            from bench.adapters.fusion import ReciprocalRankFusion

            return ReciprocalRankFusion(tuple(member.build(setting) for member in members), **options)

        return System(
            name=str(Call(tree.function, tuple(parse_expression(m.name) for m in members), tree.options)),
            bare=False,
            identity={"rrf": {"k": 60, "depth": 1000} | options, "of": [member.identity for member in members]},
            build=build,
            encoders=tuple(encoder for member in members for encoder in member.encoders),
            cards=tuple(card for member in members for card in member.cards),
            unresolved=next((member.unresolved for member in members if member.unresolved), None),
        )


def _whole(tree: Call, name: str, value: str) -> int:
    if not value.isdigit() or int(value) < 1:
        raise InputError(f"{tree}: {name}: expected a whole number from 1 on, found {value!r}")
    return int(value)


def _bm25(card: Model) -> System:
    from bench.adapters.bm25 import BM25

    BM25(card.settings)  # A card with a fault is refused here, before any data are read.
    stated = {key: card.settings[key] for key in ("method", "k1", "b", "analysis_version")}
    stated["analysis"] = digest({key: card.settings[key] for key in ("default", "languages")})
    return System(card.name, True, {"bm25": stated}, lambda setting: BM25(card.settings), cards=(card,))


def _encoder(name: str, encoder: TextEncoder, *, bare: bool, cards: tuple[Model, ...] = ()) -> System:
    unresolved = None
    if isinstance(encoder, OwnEncoder) and not encoder.fingerprint:
        unresolved = f"{name} does not say what its weights are: give the object an attribute `fingerprint`"

    def build(setting: Setting) -> Retriever:
        from bench.adapters.dense import DenseRetriever

        store = setting.temporary if unresolved else setting.store
        return DenseRetriever(encoder, store, setting.watch, setting.query_language, setting.shard_size)

    identity = {"query": encoder.recipe("query"), "document": encoder.recipe("document")}
    return System(name, bare, identity, build, (encoder,), cards, unresolved)


def _own(model: Any, name: str) -> System:
    if isinstance(model, type):
        raise InputError(f"{name}: this is a class: give an object of it")
    if is_retriever(model):
        fingerprint = getattr(model, "fingerprint", None)
        reason = None if fingerprint else f"{name} does not say what it is: give the object an attribute `fingerprint`"
        return System(
            name,
            False,
            {"own": name, "fingerprint": fingerprint},
            lambda setting: OwnRetriever(model, name),
            unresolved=reason,
        )
    if not is_encoder(model):
        raise InputError(
            f"{name}: expected a name, a function from texts to vectors, or an object with encode_queries and "
            "encode_docs, or with index and search"
        )
    return _encoder(name, OwnEncoder(model, name), bare=False)


def _type_name(model: Any) -> str:
    named = model if hasattr(model, "__qualname__") else type(model)
    return f"{named.__module__}:{named.__qualname__}".replace("<", "").replace(">", "")
