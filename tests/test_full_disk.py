"""A disk that is full at any one write of a run: said, nothing half-written, nothing lost, and the run can go on."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from toy import Toy

import bench
from bench.errors import StoppedError
from bench.files import write_whole

CODES = ["en", "sw"]


@pytest.fixture(autouse=True)
def _no_power_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing needs to be on the disk itself, and waiting for it takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class Disk:
    """Counts what asks the file system for room, below `root`; refuses it at a given count, and ever after if `lasting`.

    (A disk has room again for a moment when another process removes a file.)
    """

    def __init__(self, patch: pytest.MonkeyPatch, root: Path, full_at: int = 1 << 60, *, lasting: bool = False) -> None:
        self.calls, self.full_at, self.lasting, self.refused = 0, full_at, lasting, ""
        self._root, self._patch = str(root), patch
        self._guard(os, "mkdir", lambda args: self._new(args[0]))
        self._guard(os, "open", lambda args: self._new(args[0]) and bool(args[1] & os.O_CREAT))
        self._guard(os, "replace", lambda args: self._within(args[0]))
        self._guard(os, "fsync", lambda args: True)
        self._guard_files()

    def take(self, what: str) -> None:
        """One more call; raises where the disk is full."""
        self.calls += 1
        if self.calls == self.full_at or (self.lasting and self.calls > self.full_at):
            self.refused = self.refused or what
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _within(self, path: Any) -> bool:
        return isinstance(path, str | Path) and str(path).startswith(self._root)

    def _new(self, path: Any) -> bool:
        return self._within(path) and not Path(path).exists()

    def _guard(self, module: Any, name: str, counts: Callable[[tuple[Any, ...]], bool]) -> None:
        original = getattr(module, name)

        def guarded(*args: Any, **more: Any) -> Any:
            if counts(args):
                self.take(f"{name} {args[0]}")
            return original(*args, **more)

        self._patch.setattr(module, name, guarded)

    def _guard_files(self) -> None:
        original = io.open

        def opened(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
            unnamed = not isinstance(file, int) and Path(file).is_dir()  # tempfile tries something else after a refusal
            if unnamed or not set(mode) & set("wax+") or not (isinstance(file, int) or self._within(file)):
                return original(file, mode, *args, **more)
            if not isinstance(file, int):
                self.take(f"create {file}")
            return _File(original(file, mode, *args, **more), self)

        self._patch.setattr(io, "open", opened)


class _File:
    """A file whose every write may be refused."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file, self._disk, self._held = file, disk, False

    def write(self, data: Any) -> int:
        self._held = True
        self._disk.take(f"write {self._file.name}")
        return int(self._file.write(data))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Writes what is still in a buffer."""
        held, self._held = self._held, False
        self._file.close()
        if held:
            self._disk.take(f"close {self._file.name}")

    def flush(self) -> None:
        held, self._held = self._held, False
        self._file.flush()
        if held:
            self._disk.take(f"flush {self._file.name}")

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def run(root: Path, codes: list[str] = CODES) -> dict[str, Any]:
    places = {name: root / name for name in ("cache", "output", "board")}
    return bench.run(Toy(), "mini", codes, shard_size=72, **places)


def outcome(root: Path) -> tuple[dict[str, bytes], list[list[Any]], dict[str, Any]]:
    """Runs, per-query scores and numbers as they stand on disk."""
    runs = {path.name: path.read_bytes() for path in root.glob("output/mini/*/*.trec.gz")}
    tables = [parquet.read_table(path).to_pylist() for path in sorted(root.rglob("*.parquet"))]
    entry = json.loads(next(root.glob("board/mini/*.json")).read_text())
    result = json.loads(next(root.glob("output/mini/*/entry.json")).read_text())
    assert numbers(result) == numbers(entry)
    return runs, tables, numbers(entry)


def numbers(entry: dict[str, Any]) -> dict[str, Any]:
    """What was measured, without when and how fast."""
    return {c: {k: v for k, v in block.items() if k != "recipe"} for c, block in entry["languages"].items()}


def refuse_half_written(root: Path) -> None:
    """Every file that is there is whole."""
    for path in root.rglob("*"):
        assert path.suffix != ".part", path
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".parquet":
            assert parquet.read_table(path).num_rows
        elif path.suffix == ".npy":
            assert len(np.load(path, allow_pickle=False))
    assert [path.name for path in (root / "cache").glob("work/*")] in ([], [".lock"])


def calls_of_a_run(root: Path, patch: pytest.MonkeyPatch) -> int:
    with patch.context() as part:
        disk = Disk(part, root)
        run(root)
    return disk.calls


def break_off_and_go_on(root: Path, call: int, patch: pytest.MonkeyPatch, *, lasting: bool) -> None:
    """A run that meets a full disk at one call, then the same run again."""
    with patch.context() as part:
        Disk(part, root, call, lasting=lasting)
        with pytest.raises(StoppedError) as error:
            run(root)
    assert error.value.exit_code == 4
    message = str(error.value)
    assert f"{root}/" in message, message
    assert os.strerror(errno.ENOSPC) in message
    assert message.count("cannot write") + message.count("cannot be written") == 1
    refuse_half_written(root)
    run(root)
    refuse_half_written(root)


def test_each_kind_of_write_is_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of calls that the other tests rely on sees all kinds of files that a run leaves."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        disk = Disk(patch, tmp_path)
        patch.setattr(disk, "take", seen.append)
        run(tmp_path)
    for kind in ("mkdir ", "open ", "replace ", "fsync", "create ", "write "):
        assert any(line.startswith(kind) for line in seen), kind
    replaced = {line.split(".")[-2] for line in seen if line.startswith("replace ") and line.endswith(".part")}
    assert len(replaced) > 4
    for suffix in (".npy", ".json", ".parquet", ".gz", "ids.bin"):
        assert any(line.startswith("replace ") and suffix in line for line in seen), suffix


def test_a_full_disk_at_any_write_of_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of all calls; the long test takes every one."""
    count = calls_of_a_run(tmp_path / "unbroken", monkeypatch)
    expected = outcome(tmp_path / "unbroken")
    for call in range(1, count + 1, 13):
        root = tmp_path / str(call)
        break_off_and_go_on(root, call, monkeypatch, lasting=call % 2 == 0)
        assert outcome(root) == expected, call


@pytest.mark.long
def test_a_full_disk_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = calls_of_a_run(tmp_path / "unbroken", monkeypatch)
    expected = outcome(tmp_path / "unbroken")
    assert count > 100
    for call in range(1, count + 1):
        root = tmp_path / str(call)
        break_off_and_go_on(root, call, monkeypatch, lasting=call % 2 == 0)
        assert outcome(root) == expected, call


def test_a_finished_language_is_kept_and_an_older_entry_is_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, ["en"])
    entry = next(tmp_path.glob("board/mini/*.json"))
    before = {path: path.read_bytes() for path in (entry, entry.with_suffix(".parquet"))}
    with monkeypatch.context() as patch:
        Disk(patch, tmp_path, 30, lasting=True)
        with pytest.raises(StoppedError):
            run(tmp_path, ["sw"])
    assert {path: path.read_bytes() for path in before} == before
    run(tmp_path, ["sw"])
    assert list(json.loads(entry.read_text())["languages"]) == ["en", "sw"]


def test_what_was_there_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder" / "file"
    write_whole(path, b"old")
    for call in range(1, 20):
        with monkeypatch.context() as patch:
            disk = Disk(patch, tmp_path, call)
            try:
                write_whole(path, lambda file: [file.write(b"n"), file.write(b"ew")])
            except StoppedError as error:
                assert str(path) in str(error)
            else:
                break
        assert path.read_bytes() in ((b"old", b"new") if disk.refused.startswith("fsync") else (b"old",))
        assert [p.name for p in path.parent.iterdir()] == ["file"]
    assert path.read_bytes() == b"new"
    assert call > 5
