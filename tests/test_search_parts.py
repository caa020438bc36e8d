"""A corpus searched in parts and merged is the corpus searched at once, to the bit, ties at every cut included."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.idtable import IdTable, IdWriter
from bench.search import search
from bench.search.parts import Part, Stretch, merged, search_part

DIM = 8


class Names:
    """Ids in a list, in an order of their own, so that ties do not fall as the rows do."""

    def __init__(self, count: int, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(count)
        self.names = [f"d{n}".encode() for n in order]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: NDArray[np.int64]) -> list[bytes]:
        return [self.names[row] for row in rows.tolist()]


def vectors(kind: str, count: int, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    if kind == "constant":
        return np.ones((count, DIM), np.float32)
    if kind == "few":  # Whole numbers: most scores occur many times.
        return random.integers(-1, 2, (count, DIM)).astype(np.float32)
    return random.standard_normal((count, DIM)).astype(np.float32)


def by_hand(queries: NDArray[np.float32], docs: NDArray[np.float32], names: Names, k: int) -> list[list[bytes]]:
    """The ids of the best k, by score as float32 and then by id, both descending."""
    scores = (queries.astype(np.float64) @ docs.astype(np.float64).T).astype(np.float32)
    return [
        [name for _, name in sorted(zip(row.tolist(), names.names, strict=True), reverse=True)[:k]] for row in scores
    ]


def in_parts(
    queries: NDArray[np.float32], docs: NDArray[np.float32], names: Names, k: int, cuts: list[int]
) -> list[Part]:
    edges = [0, *cuts, len(docs)]
    return [search_part(queries, [docs[a:b]], names, a, b - a, k, 1 << 24) for a, b in pairwise(edges)]


@pytest.mark.parametrize("kind", ["random", "few", "constant"])
@pytest.mark.parametrize("cuts", [[], [1], [150], [10, 290], [3, 4, 5, 200]])
@pytest.mark.parametrize("k", [1, 20, 299, 400])
def test_parts_give_what_the_whole_gives(kind: str, cuts: list[int], k: int) -> None:
    docs, queries, names = vectors(kind, 300, 1), vectors(kind, 7, 2), Names(300, 3)
    whole = search(queries, [docs], names, k)
    found = merged(in_parts(queries, docs, names, k, cuts), k, names)
    assert len(found) == len(whole) == 7
    for a, b in zip(found, whole, strict=True):
        assert a.rows.tolist() == b.rows.tolist()
        assert a.scores.tobytes() == b.scores.tobytes()
    if kind != "random":  # Whole numbers have exact scores in any order of summation.
        assert [names.take(hits.rows) for hits in found] == by_hand(queries, docs, names, k)


def test_the_order_of_the_parts_and_the_queries_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    docs, queries, names = vectors("few", 300, 1), vectors("few", 50, 2), Names(300, 3)
    parts = in_parts(queries, docs, names, 20, [60, 200])
    expected = [hits.rows.tolist() for hits in merged(parts, 20, names)]
    assert [hits.rows.tolist() for hits in merged(parts[::-1], 20, names)] == expected
    monkeypatch.setattr("bench.search.parts._PAIRS", 130)  # Two queries at once.
    assert [hits.rows.tolist() for hits in merged(parts, 20, names)] == expected


def test_a_stretch_of_ids_counts_from_its_own_first_row() -> None:
    names = Names(10, 1)
    stretch = Stretch(names, 4, 3)
    assert len(stretch) == 3
    assert stretch.take(np.array([0, 2])) == [names.names[4], names.names[6]]


def test_a_table_of_ids_is_sent_as_its_folder(tmp_path: Path) -> None:
    with IdWriter(tmp_path / "ids") as writer:
        writer.add(["a", "bb", "ü"])
    sent = pickle.dumps(IdTable(tmp_path / "ids"))
    assert len(sent) < 1000
    assert pickle.loads(sent).take(np.array([2, 0])) == ["ü".encode(), b"a"]
