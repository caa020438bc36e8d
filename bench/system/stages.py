"""Systems with a stage after another system: re-ranking, and feedback from the first documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.endpoint import stored
from bench.errors import InputError
from bench.expression import Kind, Name, Staged
from bench.grammar import parse_expression
from bench.registry import Registry
from bench.retriever import Reranker, Retriever
from bench.system.options import given, number, whole
from bench.system.value import Context, Setting, System, combined
from bench.weights import Located, hub, local_folder, locate

DEPTH = 100
PRF = "prf(3), prf(3, alpha=0.4, beta=0.6)"
RM3 = "rm3(10), rm3(10, terms=10, original=0.5)"


def cross(context: Context, tree: Staged) -> System:
    """`a >> cross:NAME[50]`: re-ranked by a cross-encoder: a card, a model of the hub, a folder, `mteb:ORG/NAME`."""
    from bench.adapters.cross_encoder import CrossEncoderReranker
    from bench.adapters.pickled import refuse_pickled
    from bench.adapters.remote_code import UNTRUSTED, code_of, pinned_code

    rest = tree.stage.rest or ""
    if rest.startswith("mteb:"):
        from bench.system.mteb import reranker as of_mteb

        found, folders, unresolved = of_mteb(context, rest.removeprefix("mteb:"))
        return reranked(context, tree, found, rest, folders, unresolved)
    name, weights, length = cross_encoder(context, rest)
    options = context.options
    refuse_pickled(weights, allowed=options.allow_pickle)
    if code_of(weights) and not options.trust_remote_code:
        raise InputError(f"{weights.name}: {UNTRUSTED}")
    code = pinned_code(weights, trusted=options.trust_remote_code, offline=options.offline)
    reranker = CrossEncoderReranker(weights, max_length=length, device=options.first_device, code=code)
    return reranked(context, tree, reranker, name, (weights,))


def cross_encoder(context: Context, rest: str) -> tuple[str, Located, int | None]:
    """The weights that stand behind `cross:`, their name in results, and the card's limit of tokens."""
    offline = context.options.offline
    if rest.startswith(("/", ".", "~")):
        folder = local_folder(Path(rest).expanduser())
        return folder.name, folder, None
    if "/" in rest:
        model, _, revision = rest.partition("@")
        return rest, hub(model, revision or None, offline=offline, bundled=context.options.bundled), None
    card = _card_of_kind(context.registry, rest, "cross")
    (weights,) = locate(card, offline=offline, bundled=context.options.bundled)
    return rest, weights, card.max_length.document


def _card_of_kind(registry: Registry, name: str, kind: str) -> Any:
    card = registry.model(name)
    if card.kind != kind:
        raise InputError(f"{kind}:{name}: the model {name!r} is of the kind {card.kind}, not {kind}")
    return card


def late(context: Context, tree: Staged) -> System:
    """`a >> late:NAME[100]`: scored again by MaxSim over token vectors: a card, a model of the hub, a folder."""
    from bench.adapters.encoder_reranker import EncoderReranker
    from bench.system.dense import encoder_of

    name, weights, encoder = encoder_of(context, "late", tree.stage.rest or "")
    return reranked(context, tree, EncoderReranker(encoder), name, (weights,))


def dense(context: Context, tree: Staged) -> System:
    """`a >> dense:NAME[100]`: scored again by the inner product of vectors: any model that has one vector a text."""
    from bench.adapters.compact import CompactEncoder
    from bench.adapters.encoder_reranker import EncoderReranker
    from bench.forms import Single, form_of

    member = context.part(_model(tree.stage.rest or ""))
    encoder = member.encoders[0] if len(member.encoders) == 1 else None
    if isinstance(encoder, CompactEncoder):  # What is not stored is not stored compactly.
        encoder = encoder.whole
    if encoder is None or not isinstance(form_of(encoder), Single):
        raise InputError(f"{tree}: {member.name} has no vectors of its own, one a text")
    named = parse_expression(member.name)
    name = named.text if isinstance(named, Name) else named.rest if isinstance(named, Kind) else member.name
    if isinstance(named, Kind) and named.kind not in ("path", "hf"):
        name = f"{named.kind}:{name}"
    return reranked(context, tree, EncoderReranker(encoder), name, member.weights, member.unresolved)


def _model(rest: str) -> Name | Kind:
    """The model that stands behind `dense:`: a folder, `kind:REST`, a model of the hub or a card."""
    kind, colon, inner = rest.partition(":")
    if rest.startswith(("/", ".", "~")):
        return Kind("path", rest)
    if colon:
        return Kind(kind, inner)
    return Kind("hf", rest) if "/" in rest else Name(rest)


def listwise(context: Context, tree: Staged) -> System:
    """`a >> llm:URL#MODEL[@VERSION][50]`: re-ranked by a language model that orders a window of passages at a time."""
    from bench.adapters.listwise import ListwiseReranker
    from bench.system.rewriting import language_model, unversioned

    rest = tree.stage.rest or ""
    model = language_model(context, rest, str(tree))
    return reranked(context, tree, ListwiseReranker(model), stored(rest), unresolved=unversioned(model, stored(rest)))


def reranked(
    context: Context,
    tree: Staged,
    reranker: Reranker,
    name: str,
    weights: tuple[Located, ...] = (),
    unresolved: str | None = None,
) -> System:
    """The system of a first stage and a re-ranker, whose name stands for the one that was typed."""
    first, depth = context.part(tree.first), tree.stage.depth or DEPTH

    def build(setting: Setting) -> Retriever:
        from bench.adapters.reranking import Reranking

        return Reranking(first.build(setting), reranker, depth, setting.watch)

    identity = {"reranker": reranker.recipe(), "depth": depth, "of": first.identity}
    shown = _name(first, tree, name)
    return combined(shown, identity, build, (first,), weights=weights, unresolved=unresolved, stages=(reranker,))


def _name(first: System, tree: Staged, rest: str | None = None) -> str:
    from dataclasses import replace

    stage = tree.stage if rest is None else replace(tree.stage, rest=rest)
    return str(Staged(parse_expression(first.name), stage))


def feedback(context: Context, tree: Staged) -> System:
    """`m >> prf(3, alpha=0.4, beta=0.6)`: feedback on the vectors of a dense system."""
    depth = _count(tree, 3, PRF)
    options = given(tree, tree.stage.options, ("alpha", "beta"), PRF)
    alpha, beta = number(tree, options, "alpha", None), number(tree, options, "beta", None)
    if (alpha is None) != (beta is None):
        raise InputError(f"{tree}: prf takes both alpha and beta, or neither for the average: {PRF}")
    first = context.part(tree.first)

    def build(setting: Setting) -> Retriever:
        from bench.adapters.dense import DenseRetriever
        from bench.adapters.feedback import VectorFeedback

        retriever = first.build(setting)
        if not isinstance(retriever, DenseRetriever):
            raise InputError(f"{tree}: prf works on vectors, and {first.name} has none of its own; rm3 is for bm25")
        return VectorFeedback(retriever, depth, alpha, beta)

    stated = {"prf": {"version": 1, "depth": depth, "alpha": alpha, "beta": beta}}
    return _second_round(tree, first, stated, build)


def words(context: Context, tree: Staged) -> System:
    """A second search with BM25, by words of the first documents: `bm25 >> rm3(10)`."""
    depth = _count(tree, 10, RM3)
    options = given(tree, tree.stage.options, ("terms", "original"), RM3)
    terms, original = whole(tree, options, "terms", 10), number(tree, options, "original", 0.5) or 0.0
    if not 0 <= original <= 1:
        raise InputError(f"{tree}: original: expected a number from 0 to 1, found {original:g}")
    first = context.part(tree.first)

    def build(setting: Setting) -> Retriever:
        from bench.adapters.bm25 import BM25
        from bench.adapters.rm3 import RM3 as Retrieval

        retriever = first.build(setting)
        if not isinstance(retriever, BM25):
            raise InputError(f"{tree}: rm3 works on the words of bm25, and {first.name} is no bm25; prf is for vectors")
        return Retrieval(retriever, depth, terms, original, setting.watch)

    stated = {"rm3": {"version": 1, "depth": depth, "terms": terms, "original": original}}
    return _second_round(tree, first, stated, build)


def _second_round(tree: Staged, first: System, stated: dict[str, Any], build: Callable[[Setting], Retriever]) -> System:
    if tree.stage.depth is not None:
        raise InputError(f"{tree}: the number of documents stands in round brackets: {PRF}")
    return combined(_name(first, tree), stated | {"of": first.identity}, build, (first,))


def _count(tree: Staged, default: int, usage: str) -> int:
    values = tree.stage.values
    if len(values) > 1:
        raise InputError(f"{tree}: expected {usage}")
    return whole(tree, {"documents": values[0]} if values else {}, "documents", default)
