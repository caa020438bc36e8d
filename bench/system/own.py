"""Systems of the user's own: `python:MODULE:CLASS`, an object, or a function from texts to vectors."""

from __future__ import annotations

from typing import Any

from bench.adapters.own import OwnEncoder, OwnRetriever, is_encoder, is_retriever, load
from bench.errors import InputError
from bench.expression import Kind
from bench.system.encoder import encoder_system
from bench.system.value import Context, System


def named(context: Context, tree: Kind) -> System:
    """The object that `python:MODULE:CLASS` names."""
    return _own(load(tree.rest), str(tree))


def own_object(model: Any) -> System:
    """A Python object that was given in place of a name."""
    return _own(model, f"python:{_type_name(model)}")


def _own(model: Any, name: str) -> System:
    if isinstance(model, type):
        raise InputError(f"{name}: this is a class: give an object of it")
    if is_retriever(model):
        fingerprint = getattr(model, "fingerprint", None)
        reason = None if fingerprint else f"{name} does not say what it is: give the object an attribute `fingerprint`"
        identity = {"own": name, "fingerprint": fingerprint}
        return System(name, False, identity, lambda setting: OwnRetriever(model, name), unresolved=reason)
    if not is_encoder(model):
        raise InputError(
            f"{name}: expected a name, a function from texts to vectors, or an object with encode_queries and "
            "encode_docs, or with index and search"
        )
    encoder = OwnEncoder(model, name)
    reason = f"{name} does not say what its weights are: give the object an attribute `fingerprint`"
    return encoder_system(name, encoder, bare=False, unresolved=None if encoder.fingerprint else reason)


def _type_name(model: Any) -> str:
    found = model if hasattr(model, "__qualname__") else type(model)
    return f"{found.__module__}:{found.__qualname__}".replace("<", "").replace(">", "")
