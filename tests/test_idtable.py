"""The table of ids: what is read is what was written, duplicates are found, and nothing half-written is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bench.idtable
from bench.errors import InputError, MissingError
from bench.idtable import IdTable, IdWriter


def store(folder: Path, *batches: list[str]) -> IdTable:
    with IdWriter(folder) as writer:
        for batch in batches:
            writer.add(batch)
    return IdTable(folder)


def test_files_are_as_documented(tmp_path: Path) -> None:
    table = store(tmp_path, ["d1", "é"], [], ["", "ข้อ"])
    assert (tmp_path / "ids.bin").read_bytes() == "d1éข้อ".encode()
    offsets = np.load(tmp_path / "offsets.npy")
    assert (offsets.dtype, offsets.tolist()) == (np.int64, [0, 2, 4, 4, 13])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ids.bin", "offsets.npy"]
    assert len(table) == 4
    assert table.take(np.array([3, 0, 0, 2])) == ["ข้อ".encode(), b"d1", b"d1", b""]
    assert table.take(np.array([1])) == ["é".encode()]


def test_many_ids(tmp_path: Path) -> None:
    names = [f"doc-{n}" for n in range(30_000)]
    table = store(tmp_path, *(names[start : start + 1000] for start in range(0, 30_000, 1000)))
    rows = np.random.default_rng(0).permutation(30_000)
    assert table.take(rows) == [names[row].encode() for row in rows]


def test_no_documents(tmp_path: Path) -> None:
    assert len(store(tmp_path)) == 0


@pytest.mark.parametrize("in_hand", [7, 1 << 22])
@pytest.mark.parametrize("collide", [False, True])
def test_a_repeat_is_named(tmp_path: Path, in_hand: int, collide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.idtable, "_IN_HAND", in_hand)
    if collide:  # Ids with equal hashes are not taken for equal, and equal ones between them are found.
        monkeypatch.setattr(bench.idtable, "hash", lambda name: len(name) - 2, raising=False)
    names = [f"d{n}" for n in range(100)]
    assert len(store(tmp_path / "distinct", names)) == 100
    with pytest.raises(InputError) as error:
        store(tmp_path / "repeated", names, ["x", "d42", "d7", "d7"])
    assert str(error.value) == "document id 'd42' occurs twice, as documents 43 and 102: ids must be distinct"
    assert list((tmp_path / "repeated").iterdir()) == []


def test_an_interrupted_writer_leaves_the_old_table(tmp_path: Path) -> None:
    store(tmp_path, ["old"])
    with pytest.raises(KeyboardInterrupt), IdWriter(tmp_path) as writer:
        writer.add(["new", "newer"])
        raise KeyboardInterrupt
    assert IdTable(tmp_path).take(np.array([0])) == [b"old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ids.bin", "offsets.npy"]
    assert store(tmp_path, ["new", "newer"]).take(np.array([1])) == [b"newer"]


def test_a_lone_surrogate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not valid Unicode"):
        store(tmp_path, ["a\ud800"])


def test_missing_or_torn_tables(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="not a table of ids"):
        IdTable(tmp_path)
    store(tmp_path, ["a", "b"])
    (tmp_path / "ids.bin").write_bytes(b"a")
    with pytest.raises(MissingError, match="do not fit together"):
        IdTable(tmp_path)
