"""What a system is, for filters and tables: how it retrieves, its size, its licence, what it was trained on.

Of measured systems that follows from the entry and the cards of its models, of imported ones from the metadata that
came with them. What is not said is None, and never guessed from a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bench.entry import Entry
from bench.errors import BenchError
from bench.expression import Name, leaves
from bench.grammar import parse_expression
from bench.leaderboard.imported.models import Model as Described
from bench.model import Model

METHODS = ("dense", "late", "sparse", "lexical", "fusion", "reranked", "feedback", "rewritten", "own code")
"""How a system retrieves; what a system of several parts does last is its method."""

_BY_ADAPTER = {"multi-vector-encoder": "late", "sparse-encoder": "sparse", "own": "own code"}
_BY_KEY = {
    "bm25": "lexical",
    "rrf": "fusion",
    "sum": "fusion",
    "reranker": "reranked",
    "prf": "feedback",
    "rm3": "feedback",
    "rewriter": "rewritten",
    "own": "own code",
}
_BY_CARD = {"dense": "dense", "embedded": "dense", "remote": "dense", "bm25": "lexical", "cross": "reranked"}
_LATE = {"PyLate", "ColBERT"}


class Traits(NamedTuple):
    """Of one result. `parameters` is the number of weights; `trained` the state of its contamination."""

    method: str | None
    parameters: int | None
    licence: str | None
    trained: str


def traits_of(
    result: Mapping[str, Any], entry: Entry | None, cards: Sequence[Model], about: Described | None
) -> Traits:
    """The traits of a result, from what there is of its entry, the cards of its models, and imported metadata."""
    trained = str((result.get("contamination") or {}).get("state") or "unknown")
    method = method_of(entry.identity.get("system")) if entry else None
    if method is None and len(cards) == 1:
        method = _BY_CARD.get(cards[0].kind)
    sizes = [card.parameters for card in cards]
    parameters = sum(size for size in sizes if size) if cards and all(size is not None for size in sizes) else None
    licence = joined(card.licence for card in cards if card.licence != "unknown")
    if about is not None:
        method = method or _imported_method(about)
        parameters = about.parameters if parameters is None else parameters
        licence = licence or (None if about.licence == "not specified" else about.licence)
    return Traits(method, parameters, licence, trained)


def method_of(system: object) -> str | None:
    """How the system of an identity retrieves; None where it does not say so."""
    if not isinstance(system, Mapping):
        return None
    for key, method in _BY_KEY.items():
        if key in system:
            return method
    document = system.get("document")
    adapter = document.get("adapter") if isinstance(document, Mapping) else None
    return _BY_ADAPTER.get(str(adapter), "dense") if adapter else None


def _imported_method(about: Described) -> str | None:
    """What mteb's metadata say: a model with a dimension has one vector a text, unless it runs on vectors by token."""
    if _LATE & set(about.framework or ()):
        return "late"
    return "dense" if about.dimension else None


def joined(names: Iterable[str]) -> str | None:
    """Names, each once; None where there are none."""
    return " + ".join(dict.fromkeys(names)) or None


def card_names(model: str) -> list[str]:
    """The names of the cards that an expression has; none where a part is no card, or it is no expression."""
    try:
        parts = list(leaves(parse_expression(model)))
    except BenchError:
        return []
    return [part.text for part in parts if isinstance(part, Name)] if all(isinstance(p, Name) for p in parts) else []


def size_text(parameters: int | None) -> str:
    """A number of parameters as it is written: `118M`, `7.6B`; empty where it is not known."""
    if parameters is None:
        return ""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.{0 if parameters >= 10 * unit else 1}f}{letter}"
    return str(parameters)
