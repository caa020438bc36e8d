"""An encoder of texts made into a system: with the vector store and exact search it is a retriever."""

from __future__ import annotations

from collections.abc import Callable

from bench.encoding import TextEncoder
from bench.forms import MULTI, SINGLE, SPARSE, Form, Single, form_of
from bench.model import Model
from bench.retriever import Retriever
from bench.system.value import Setting, System
from bench.weights import Located


def encoder_system(
    name: str,
    encoder: TextEncoder,
    *,
    bare: bool,
    cards: tuple[Model, ...] = (),
    unresolved: str | None = None,
    weights: tuple[Located, ...] = (),
) -> System:
    """The system of one encoder; vectors of one that is `unresolved` are kept for the run alone."""

    def build(setting: Setting) -> Retriever:
        store = setting.temporary if unresolved else setting.store
        kind = retriever_of(encoder)
        return kind(
            encoder,
            store,
            setting.watch,
            setting.query_language,
            setting.shard_size,
            setting.memory,
            engine=setting.engine,
        )

    identity = {"query": encoder.recipe("query"), "document": encoder.recipe("document")}
    return System(name, bare, identity, build, (encoder,), cards, unresolved, weights)


def retriever_of(encoder: TextEncoder) -> Callable[..., Retriever]:
    """The retriever for the form of an encoder's vectors."""
    from bench.adapters.dense import DenseRetriever
    from bench.adapters.late import LateRetriever
    from bench.adapters.sparse import SparseRetriever

    kinds: dict[Form, Callable[..., Retriever]] = {
        SINGLE: DenseRetriever,
        SPARSE: SparseRetriever,
        MULTI: LateRetriever,
    }
    form = form_of(encoder)
    return kinds[SINGLE if isinstance(form, Single) else form]
