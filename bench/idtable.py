"""The ids of a corpus on disk, by row: two files, written and read without one Python object per document."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError, MissingError
from bench.files import writing

_TEXTS, _OFFSETS, _HASHES = "ids.bin", "offsets.npy", "hashes"
_IN_HAND = 1 << 22  # Hashes that are sorted at once: 32 MiB of them, about 130 MiB with their row numbers.


class Ids(Protocol):
    """Row numbers to document ids; distinct rows have distinct ids."""

    def __len__(self) -> int: ...
    def take(self, rows: NDArray[np.int64]) -> list[bytes]:
        """The ids of these rows, in the order of `rows`, as UTF-8."""
        ...


class IdTable:
    """Ids in `ids.bin` (UTF-8, one after the other) and `offsets.npy` (n + 1 places in it, int64), mapped, not loaded.

    Raises MissingError where a file is missing or the two do not fit together.
    """

    def __init__(self, folder: Path) -> None:
        try:
            header = np.load(folder / _OFFSETS, mmap_mode="r", allow_pickle=False)
            self._maps = [_map(folder / _OFFSETS), _map(folder / _TEXTS)]
        except (FileNotFoundError, ValueError) as error:
            raise MissingError(f"{folder}: not a table of ids ({error}); index this corpus again") from None
        self._offsets: NDArray[np.int64] = np.frombuffer(self._maps[0], np.int64, offset=header.offset)
        self._folder = folder
        if int(self._offsets[-1]) != len(self._maps[1]):
            raise MissingError(f"{folder}: {_OFFSETS} and {_TEXTS} do not fit together; index this corpus again")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __reduce__(self) -> tuple[type[IdTable], tuple[Path]]:
        """Pickled as its folder, which another process opens for itself."""
        return IdTable, (self._folder,)

    def take(self, rows: NDArray[np.int64]) -> list[bytes]:
        """The ids of these rows, in the order of `rows`, as UTF-8."""
        starts, ends = self._offsets[rows].tolist(), self._offsets[rows + 1].tolist()
        texts = self._maps[1]
        names = [texts[start:end] for start, end in zip(starts, ends, strict=True)]
        for mapped in self._maps:
            if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                mapped.madvise(mmap.MADV_DONTNEED)  # Pages once read would count into the resident set for good.
        return names


class IdWriter:
    """Stores ids in the order of the rows, whole or not at all: `with IdWriter(folder) as writer: writer.add(batch)`.

    Nothing is held longer than a batch. Leaving the block raises InputError, and stores nothing, where an id occurs
    twice; so does leaving it by an exception. StoppedError where the file system refuses (a full disk).
    """

    def __init__(self, folder: Path) -> None:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._count = self._size = 0

    def __enter__(self) -> Self:
        with writing(self._folder), ExitStack() as undo:
            self._temporary = TemporaryDirectory(prefix=".ids-", dir=self._folder)
            undo.callback(self._temporary.cleanup)
            self._files: dict[str, BinaryIO] = {
                name: undo.enter_context((Path(self._temporary.name) / name).open("wb"))
                for name in (_TEXTS, _OFFSETS, _HASHES)
            }
            _write_header(self._files[_OFFSETS], 0)
            self._files[_OFFSETS].write(np.zeros(1, np.int64).tobytes())
            undo.pop_all()
        return self

    def add(self, ids: Sequence[str]) -> None:
        """Append the ids of the next rows."""
        try:
            names = [name.encode() for name in ids]
        except UnicodeEncodeError as error:
            raise InputError(f"document id {error.object!r}: not valid Unicode (a lone surrogate)") from None
        ends = self._size + np.cumsum([len(name) for name in names], dtype=np.int64)
        with writing(self._folder):
            self._files[_TEXTS].write(b"".join(names))
            self._files[_OFFSETS].write(ends.tobytes())
            self._files[_HASHES].write(np.fromiter(map(hash, names), np.int64, len(names)).tobytes())
        self._size = int(ends[-1]) if len(ends) else self._size
        self._count += len(names)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._temporary:
            try:
                if kind is None:
                    with writing(self._folder):
                        self._finish(Path(self._temporary.name))
            finally:
                for file in self._files.values():
                    with suppress(OSError):  # What a full disk does not take goes with its folder.
                        file.close()

    def _finish(self, temporary: Path) -> None:
        _write_header(self._files[_OFFSETS], self._count)
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        _refuse_repeats(temporary / _HASHES, self._count, IdTable(temporary))
        self._put_in_place(temporary)

    def _put_in_place(self, temporary: Path) -> None:
        # Without offsets there is no table: at no time do new ids lie beside old offsets.
        (self._folder / _OFFSETS).unlink(missing_ok=True)
        (temporary / _TEXTS).replace(self._folder / _TEXTS)
        (temporary / _OFFSETS).replace(self._folder / _OFFSETS)
        if os.name == "posix":
            folder = os.open(self._folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)


def _map(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return b""  # An empty file cannot be mapped.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _write_header(file: BinaryIO, count: int) -> None:
    """The `.npy` header of `count` + 1 offsets; numpy leaves room in it for any count, so it can be written twice."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": (count + 1,)})


def _refuse_repeats(hashes: Path, count: int, ids: Ids) -> None:
    parts = -(count // -_IN_HAND)
    found = [pair for part in range(parts) if (pair := _first_repeat(*_load_part(hashes, part, parts), ids))]
    if found:
        second, first = min(found)
        name = ids.take(np.array([first]))[0].decode()
        raise InputError(
            f"document id {name!r} occurs twice, as documents {first + 1} and {second + 1}: ids must be distinct"
        )


def _load_part(path: Path, part: int, parts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The hashes that leave the remainder `part`, and their rows; the file is read piece by piece."""
    hashes, rows, start = [], [], 0
    with path.open("rb") as file:
        while len(piece := np.fromfile(file, np.int64, _IN_HAND)):
            own = np.flatnonzero(piece % parts == part)
            hashes.append(piece[own])
            rows.append(own + start)
            start += len(piece)
    return np.concatenate(hashes), np.concatenate(rows)


def _first_repeat(hashes: NDArray[np.int64], rows: NDArray[np.int64], ids: Ids) -> tuple[int, int] | None:
    """The earliest row whose id occurred before, and the row where it did; None if all ids are distinct."""
    order = np.argsort(hashes, kind="stable")
    hashes, rows = hashes[order], rows[order]
    repeats = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1
    for place in repeats[np.argsort(rows[repeats])].tolist():
        before = place - 1
        while (
            before >= 0 and hashes[before] == hashes[place]
        ):  # Equal hashes are no proof: different ids may share one.
            first, second = ids.take(rows[[before, place]])
            if first == second:
                return int(rows[place]), int(rows[before])
            before -= 1
    return None
