"""A store of vectors for tests: a recipe, texts, a toy encoder, and one shard of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from toy import Toy

from bench.adapters.own import OwnEncoder
from bench.collection import Doc
from bench.encoding import TextEncoder
from bench.store import Shard, VectorStore

RECIPE: dict[str, Any] = {
    "adapter": "dense",
    "version": 1,
    "weights": {"hub": "org/name", "revision": "0" * 40, "files": ["a", "b"]},
    "side": "query",
    "prompt": "query: ",
    "language": "en",
    "max_length": 256,
    "pooling": "mean",
    "normalised": True,
    "dtype": {"compute": "float32", "stored": "float32"},
    "dimension": None,
    "attention": "eager",
}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*path, key))
    else:
        yield path


def changed(recipe: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    other = copy.deepcopy(recipe)
    place: Any = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = f"{place[path[-1]]} "
    return other


class Texts:
    """A corpus of texts alone."""

    language = "en"

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    @property
    def ids(self) -> Any:
        raise AssertionError("a store takes texts, and asks for no ids")

    def docs(self) -> Iterator[Doc]:
        return (Doc(str(i), text) for i, text in enumerate(self._texts))

    def texts(self, ids: Sequence[str]) -> list[str]:
        return [self._texts[int(i)] for i in ids]


def toy(log: Path | None = None, pause: float = 0.0) -> TextEncoder:
    return OwnEncoder(Toy(log, pause), "toy:Toy")


def get(store: VectorStore, texts: Sequence[str], log: Path | None = None, encoder: TextEncoder | None = None) -> Shard:
    shard = store.get(encoder or toy(log), texts, "document", "en")
    assert shard is not None
    return shard
