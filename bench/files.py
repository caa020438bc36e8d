"""Files are written whole or not at all, and read as UTF-8, plain or gzipped.

A write goes to a temporary name beside the target, is forced to disk, and is then renamed over it: a reader sees the
old file or the new one, never a part. Where the disk is full or a folder cannot be written, the temporary file is
removed and the error says so (exit code 4).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bench.errors import InputError, MissingError, StoppedError

MARGIN = 64 << 20
"""Bytes that a disk should have free beside what is to be written."""


def write_whole(path: Path, data: bytes | Callable[[IO[bytes]], object]) -> None:
    """Replace the file at `path` by `data`, or by what the function writes; folders are made as needed.

    Raises StoppedError where the file system refuses (full, read-only, no permission): nothing half-written is left.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            if callable(data):
                data(file)
            else:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise StoppedError(f"{path}: cannot write: {error.strerror or error}; what was there before is kept") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of the bytes to a file that was opened without a buffer: such a write may take only a part of them."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the file system refuses inside (full, read-only, no permission) becomes a StoppedError that names `path`."""
    try:
        yield
    except OSError as error:
        raise StoppedError(f"{path}: cannot write: {error.strerror or error}") from error


def check_writable(folder: Path) -> None:
    """Look that files can be written below a folder, there or still to be made. StoppedError where they cannot."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    with writing(folder), tempfile.TemporaryFile(dir=there):
        pass


def check_room(folder: Path, needed: int, what: str) -> None:
    """StoppedError where the disk of a folder has not so many bytes free, with a margin of 64 MiB and a twentieth."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    wanted, free = needed + needed // 20 + MARGIN, shutil.disk_usage(there).free
    if wanted > free:
        raise StoppedError(
            f"{folder}: {what} takes {needed:,} bytes, {wanted:,} with a margin, and {free:,} are free; "
            "make room, or give another folder"
        )


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    """Make a rename durable. Not every system can open a folder; the file itself is on disk by then."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def dump_json(value: Any, *, indent: int | None = 2) -> str:
    """Strict JSON (no NaN), keys in the order given, UTF-8 kept readable, one line break at the end."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent) + "\n"


def canonical_json(value: Any) -> bytes:
    """The one byte string of a JSON value: keys sorted, no blanks, UTF-8. Digests are made of it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of a value, in hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """The JSON value in a file; InputError where it is none, MissingError where the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingError(f"{path}: cannot read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}") from error
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not strict JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not allowed")


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """A text file for reading, UTF-8, gunzipped where its first bytes say so; lines end at a line feed alone.

    A byte order mark at the start is no part of the text. MissingError where the file is absent or not readable, or
    where the gzip stream breaks off; InputError names the first line that is not UTF-8.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise MissingError(f"{path}: cannot read: {error.strerror or error}") from error
    with file:
        try:
            with io.TextIOWrapper(_unpacked(file), encoding="utf-8-sig", newline="\n") as text:
                yield text
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise MissingError(f"{path}: the gzip file is truncated or damaged: {error}; get it again") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}{_undecodable_line(path)}: not UTF-8 text: {error.reason}") from error


def _unpacked(file: io.BufferedReader) -> io.BufferedReader:
    """The file, gunzipped where its first bytes say so; they are peeked at, for a pipe cannot go back."""
    packed = file.peek(2)[:2] == b"\x1f\x8b"
    return io.BufferedReader(gzip.GzipFile(fileobj=file)) if packed else file


def _undecodable_line(path: Path) -> str:
    """`:LINE` of the first line that is not UTF-8, found by a second reading; nothing for a pipe, which has one."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        for number, line in enumerate(_unpacked(file), start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f":{number}"
    return ""
