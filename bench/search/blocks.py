"""The vectors of a corpus on disk, read as blocks of any size or as single rows, into buffers that are used again.

Files are read, not mapped: a mapped page counts into the resident set, and a corpus may be larger than memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.compact import unpack, width
from bench.errors import InputError, MissingError, StoppedError

Source = Path | NDArray[Any]
"""A `.npy` file, or an array in memory: C order, (n, d) of float32 or float16, or n records of `bench.compact.pack`."""

_SPAN = 64 * 1024  # Candidates closer than this many bytes are read in one go: cheaper than a call for each.
_PIECE = 1 << 20  # Bytes that are converted or measured at once, so that they stay in the processor's cache.
_DTYPES = (np.dtype(np.float32), np.dtype(np.float16))

T = TypeVar("T")


class Block(NamedTuple):
    """Consecutive vectors: those of row `first` and after, and a bound that none of their norms exceeds."""

    first: int
    vectors: NDArray[np.float32]
    norm: float


class _Shard(NamedTuple):
    source: Source
    rows: int
    dim: int
    dtype: np.dtype[Any]
    offset: int

    @property
    def row_bytes(self) -> int:
        """What a row takes in the file."""
        return self.dtype.itemsize * (1 if self.dtype.names else self.dim)


class Shards:
    """The vectors of a corpus: the rows of all shards in order, numbered from 0.

    Raises MissingError where a file is missing, cut short or no `.npy` file, InputError where shape or type differ.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._shards = [_read_header(source) if isinstance(source, Path) else _describe(source) for source in sources]
        dims = {shard.dim for shard in self._shards}
        if len(dims) > 1:
            odd = next(shard for shard in self._shards if shard.dim != self._shards[0].dim)
            raise InputError(f"{_name(odd)}: {odd.dim} dimensions, but {self._shards[0].dim} in the first shard")
        self.dim = dims.pop() if dims else 0
        self._ends = np.cumsum([shard.rows for shard in self._shards], dtype=np.int64).tolist()
        self.rows = int(self._ends[-1]) if self._ends else 0

    def blocks(self, size: int, slots: int = 2) -> Iterator[Block]:
        """All vectors in blocks of `size` rows, read when they are asked for, into `slots` buffers in turn.

        A block is valid until `slots` more were asked for. Raises StoppedError at NaN or infinity.
        """
        size = min(size, self.rows)
        buffers = [np.empty((size, self.dim), np.float32) for _ in range(min(slots, -(-self.rows // max(1, size))))]
        with closing(_Cursor(self._shards, self._ends)) as cursor:
            for turn, first in enumerate(range(0, self.rows, size)):
                vectors = buffers[turn % slots][: self.rows - first]
                yield Block(first, vectors, self._read(cursor, first, vectors))

    def gather(self, rows: NDArray[np.int64], size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The vectors of `rows` (ascending, distinct), `size` at a time: (place of the first in `rows`, vectors)."""
        return self._read_rows(rows, max(1, min(size, len(rows))))

    def place(self, row: int) -> str:
        """Where a row lies, for messages: `shard-0003.npy, row 17`."""
        index = bisect_right(self._ends, row)
        shard = self._shards[index]
        name = shard.source.name if isinstance(shard.source, Path) else f"shard {index}"
        return f"{name}, row {row - (self._ends[index] - shard.rows)}"

    def _read_rows(self, rows: NDArray[np.int64], size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        gap = max(1, _SPAN // (4 * self.dim))
        buffers = [np.empty((size, self.dim), np.float32) for _ in range(2)]
        span = np.empty((gap * 16, self.dim), np.float32)
        with closing(_Cursor(self._shards, self._ends)) as cursor:
            for turn, start in enumerate(range(0, len(rows), size)):
                part = rows[start : start + size]
                out = buffers[turn % 2][: len(part)]
                for a, b in _runs(part, gap, len(span)):
                    if a + 1 == b:
                        cursor.read(int(part[a]), out[a:b])
                        continue
                    read = span[: part[b - 1] - part[a] + 1]
                    cursor.read(int(part[a]), read)
                    np.take(read, part[a:b] - part[a], axis=0, out=out[a:b], mode="clip")
                yield start, out

    def _read(self, cursor: _Cursor, first: int, out: NDArray[np.float32]) -> float:
        """Fill `out` with the rows from `first` on; the largest norm. A piece is measured while the cache has it."""
        step = max(1, _PIECE // (4 * self.dim))
        largest = 0.0
        for start in range(0, len(out), step):
            piece = out[start : start + step]
            cursor.read(first + start, piece)
            largest = max(largest, self._square(first + start, piece))
        return float(np.sqrt(largest) * (1 + self.dim * 2.0**-24) + np.sqrt(self.dim) * 2.0**-62)

    def _square(self, first: int, piece: NDArray[np.float32]) -> float:
        """The largest squared norm; a float32 sum of squares is off by d * 2^-24 and loses squares below 2^-126."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("ij,ij->i", piece, piece).astype(np.float64)
        if not np.isfinite(squares).all():
            bad = ~np.isfinite(piece).all(axis=1)
            if bad.any():
                row = first + int(np.argmax(bad))
                raise StoppedError(f"{self.place(row)}: the vector holds NaN or infinity; encode this shard again")
            squares = np.square(piece, dtype=np.float64).sum(axis=1)
        return float(squares.max())


class _Cursor:
    """Reads rows in ascending order with one file open at a time."""

    def __init__(self, shards: list[_Shard], ends: list[int]) -> None:
        self._shards, self._ends = shards, ends
        self._open: tuple[int, FileIO] | None = None

    def read(self, first: int, out: NDArray[np.float32]) -> None:
        """Fill `out` with the rows from `first` on, over as many shards as it takes."""
        index = bisect_right(self._ends, first)
        done = 0
        while done < len(out):
            shard = self._shards[index]
            skip = first + done - (self._ends[index] - shard.rows)
            count = min(len(out) - done, shard.rows - skip)
            if count:
                self._fill(index, skip, out[done : done + count])
            done += count
            index += 1

    def _fill(self, index: int, skip: int, out: NDArray[np.float32]) -> None:
        shard = self._shards[index]
        if not isinstance(shard.source, Path):
            unpack(shard.source[skip : skip + len(out)], out)
            return
        file = self._file(index, shard.source)
        file.seek(shard.offset + skip * shard.row_bytes)
        if shard.dtype == np.float32:
            _read_exactly(file, out, shard.source)
            return
        step = max(1, _PIECE // (4 * shard.dim))
        for start in range(0, len(out), step):
            rows = min(step, len(out) - start)
            raw = np.empty(rows if shard.dtype.names else (rows, shard.dim), shard.dtype)
            _read_exactly(file, raw, shard.source)
            unpack(raw, out[start : start + step])

    def _file(self, index: int, path: Path) -> FileIO:
        if self._open is None or self._open[0] != index:
            self.close()
            self._open = index, FileIO(path)
        return self._open[1]

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made in a thread while the caller works on the one before it."""
    end = object()
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = reader.submit(next, items, end)
            yield item  # type: ignore[misc]


def _runs(rows: NDArray[np.int64], gap: int, longest: int) -> Iterator[tuple[int, int]]:
    """Slices of `rows` that lie close together: no gap above `gap`, no more than `longest` rows from end to end."""
    cuts = [*(np.flatnonzero(np.diff(rows) > gap) + 1).tolist(), len(rows)]
    start = 0
    for cut in cuts:
        while start < cut:
            stop = min(cut, int(np.searchsorted(rows, rows[start] + longest)))
            yield start, stop
            start = stop


def _read_exactly(file: FileIO, out: NDArray[Any], path: Path) -> None:
    view = out.data.cast("B")
    while view:
        count = file.readinto(view)
        if not count:
            raise MissingError(f"{path}: the file ends before its last row; encode this shard again")
        view = view[count:]


def _read_header(path: Path) -> _Shard:
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            reader = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = reader(file)
            offset, size = file.tell(), path.stat().st_size
    except FileNotFoundError:
        raise MissingError(f"{path}: no such file; encode this shard again") from None
    except ValueError as error:
        raise MissingError(f"{path}: not a .npy file ({error}); encode this shard again") from None
    shard = _checked(path, shape, dtype, offset)
    if fortran and shard.rows > 1 and shard.dim > 1:
        raise InputError(f"{path}: the vectors are stored in Fortran order; store them in C order")
    if size < offset + shard.rows * shard.row_bytes:
        raise MissingError(f"{path}: the file ends before its last row; encode this shard again")
    return shard


def _describe(array: NDArray[Any]) -> _Shard:
    return _checked(array, array.shape, array.dtype, 0)


def _checked(source: Source, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int) -> _Shard:
    name = str(source) if isinstance(source, Path) else "an array"
    packed = width(dtype)
    if packed and len(shape) == 1:
        return _Shard(source, shape[0], packed, dtype, offset)
    if len(shape) != 2 or shape[1] < 1:
        raise InputError(f"{name}: vectors must have the shape (rows, dimensions), found {shape}")
    if dtype not in _DTYPES:
        raise InputError(f"{name}: vectors must be float32 or float16, or be packed by bench, found {dtype}")
    return _Shard(source, shape[0], shape[1], dtype, offset)


def _name(shard: _Shard) -> str:
    return str(shard.source) if isinstance(shard.source, Path) else "an array"
