"""Variants of a system with vectors: stored compactly, searched through an approximate index, searched on a device."""

from __future__ import annotations

from dataclasses import replace

from bench.adapters.compact import compacted
from bench.compact import Compact
from bench.encoding import Sized, TextEncoder
from bench.errors import InputError
from bench.expression import Kind, Name, Stored
from bench.forms import Single, form_of
from bench.grammar import parse_expression
from bench.model import Model
from bench.retriever import Retriever
from bench.search.approximate import Factory
from bench.system.value import Options, Setting, System


def has_vectors(system: System) -> bool:
    """Whether it is one encoder with one vector a text, searched by us."""
    return len(system.encoders) == 1 and isinstance(form_of(system.encoders[0]), Single)


def refuse_without_vectors(system: System, options: Options) -> None:
    """InputError for an option about vectors where no part of the system has one vector a text to heed it for."""
    if any(isinstance(form_of(encoder), Single) for encoder in system.encoders):
        return
    for option, given in (("vectors", options.vectors), ("index", options.index)):
        if given is not None and str(given) != "float32":
            raise InputError(f"{system.name}: --{option} {given}: no model in it has one vector a text")


def stored_as(system: System, compact: Compact) -> System:
    """The system with its documents' vectors stored compactly: another name and another identity."""
    tree = parse_expression(system.name)
    if not has_vectors(system) or not isinstance(tree, Name | Kind):
        raise InputError(f"{system.name} [{compact}]: it has no single vectors that could be stored so")
    whole, named = system.encoders[0], str(Stored(tree, str(compact)))
    _refuse_length(named, whole, compact, system.cards)
    encoder = compacted(whole, compact, _trained(compact, system.cards))

    def build(setting: Setting) -> Retriever:
        from bench.adapters.dense import DenseRetriever

        built = system.build(setting)
        if not isinstance(built, DenseRetriever):
            raise InputError(f"{named}: it has no single vectors that could be stored so")
        built.encoded = replace(built.encoded, encoder=encoder)
        return built

    identity = {"query": encoder.recipe("query"), "document": encoder.recipe("document")}
    return replace(system, name=named, bare=False, identity=identity, build=build, encoders=(encoder,))


def _refuse_length(named: str, whole: TextEncoder, compact: Compact, cards: tuple[Model, ...]) -> None:
    """InputError where the dimensions cannot be had, or a vector's length, which is lost by it, has a meaning."""
    if compact.dims is None:
        return
    if any(card.similarity == "dot" for card in cards):
        raise InputError(f"{named}: the lengths of its vectors are part of its scores, and dims=N makes all of them 1")
    known = whole.dimension if isinstance(whole, Sized) else None
    if known and compact.dims >= known:
        raise InputError(f"{named}: its vectors have {known} dimensions: give fewer than that")


def _trained(compact: Compact, cards: tuple[Model, ...]) -> bool | None:
    """Whether the model's card lists the dimensions; None where there is no card or nothing is shortened."""
    return compact.dims in cards[0].matryoshka if compact.dims and cards else None


def searched(system: System, index: Factory | None, device: str | None) -> System:
    """The system with an approximate index, or with exact search on a device that is no processor."""
    away = device is not None and device.startswith("cuda")
    if not has_vectors(system) or (index is None and not away):
        return system

    def build(setting: Setting) -> Retriever:
        from bench.adapters.approximate import ApproximateRetriever
        from bench.adapters.dense import DenseRetriever
        from bench.adapters.device_search import OnDevice
        from bench.engine import LOCAL

        built = system.build(setting)
        if not isinstance(built, DenseRetriever):
            return built
        if away and built.encoded.engine is LOCAL:
            built.encoded = replace(built.encoded, engine=OnDevice(str(device)))
        return ApproximateRetriever(built.encoded, index) if index else built

    return replace(system, build=build)
