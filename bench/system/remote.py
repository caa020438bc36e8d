"""Systems behind an address: `openai:URL#MODEL[@VERSION]`, and cards of the kind `remote`."""

from __future__ import annotations

from typing import Any

from bench.adapters.remote import RemoteEncoder, Served
from bench.endpoint import Address, Endpoint, stored
from bench.errors import InputError
from bench.expression import Kind, Name
from bench.model import Model, Sides
from bench.replies import Replies
from bench.retriever import Retriever
from bench.system.dense import filled
from bench.system.value import Context, Setting, System

_IN_HAND = 1 << 28  # Bytes of replies that are kept until their shards are stored: some 40 shards of 2048 vectors.
_SETTINGS = {"url", "model", "batch", "concurrency", "fields", "price_per_million_tokens", "currency", "version"}


def embeddings(context: Context, tree: Kind) -> System:
    """`openai:URL#MODEL[@VERSION]`; two names with a comma are those of the queries and of the documents."""
    url, mark, rest = tree.rest.partition("#")
    names, _, version = rest.partition("@")
    query, _, document = names.partition(",")
    if not mark or not query:
        raise InputError(f"{tree}: expected openai:URL#MODEL, such as openai:https://api.openai.com/v1#MODEL")
    address = Address.parse(url)
    served = Served(query, document or query, version or None)
    return _system(context, str(Kind("openai", stored(tree.rest))), address, served)


def carded(context: Context, tree: Name, card: Model) -> System:
    """A card of the kind `remote`: its settings say what `openai:` cannot."""
    settings: dict[str, Any] = card.settings
    strange = set(settings) - _SETTINGS
    if strange or not isinstance(settings.get("url"), str) or not isinstance(settings.get("model"), str):
        fault = f"unknown setting {min(strange)!r}" if strange else "url and model are needed"
        raise InputError(f"models/{card.name}.yaml: settings: {fault}; known: {', '.join(sorted(_SETTINGS))}")
    served = Served(
        query=settings["model"],
        document=settings["model"],
        revision=settings.get("version"),
        prompts=filled(card, context.instruction) or Sides(),
        fields=settings.get("fields", {}),
        batch=settings.get("batch", 64),
        concurrency=settings.get("concurrency", 4),
        price=settings.get("price_per_million_tokens"),
        currency=settings.get("currency", "USD"),
    )
    return _system(context, str(tree), Address.parse(settings["url"]), served, (card,))


def _system(context: Context, name: str, address: Address, served: Served, cards: tuple[Model, ...] = ()) -> System:
    endpoint = Endpoint(address, context.options.offline, connections=served.concurrency)
    cache = context.options.cache
    replies = Replies(cache / "replies" / "vectors.sqlite", _IN_HAND) if cache else None
    probes = Replies(cache / "replies" / "probes.sqlite") if cache else None
    encoder = RemoteEncoder(endpoint, served, replies, probes)

    def build(setting: Setting) -> Retriever:
        from bench.adapters.dense import DenseRetriever

        # Unlike other systems without a version, vectors are stored: they were paid for, and the probe guards them.
        return DenseRetriever(encoder, setting.store, setting.watch, setting.query_language, setting.shard_size)

    reason = f"{name}: nobody can say which weights answer: name their version, as in openai:URL#MODEL@VERSION"
    return System(
        name=name,
        bare=bool(cards),
        identity={side: encoder.recipe(side) for side in ("query", "document")},
        build=build,
        encoders=(encoder,),
        cards=cards,
        unresolved=None if served.revision else reason,
    )
