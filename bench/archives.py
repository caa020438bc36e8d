"""Single files out of a tar or zip archive, by name, so that no name in it becomes a path.

What the archive holds is not trusted: one with a name that leads out of its folder, with a device, with too many
members or with more bytes than its size can honestly give is refused as a whole. Links are neither made nor followed.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from bench.errors import MissingError
from bench.files import write_all, writing

MOST_MEMBERS = 100_000
HIGHEST_RATIO = 100
"""Text packs to a third or a tenth; what gives a hundred times its size is a bomb."""
HARMLESS = 64 << 20
"""Bytes that any archive may give, however small it is."""
_PIECE = 1 << 20
_LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)


class _Member(NamedTuple):
    """A file inside an archive. `kind` is `file`, or what it is instead; folders are left out."""

    name: str
    size: int
    kind: str
    open: Callable[[], IO[bytes] | None]


def unpack(
    archive: Path, wanted: Mapping[str, Path], also: Mapping[str, Path] | None = None, *, folder: Path
) -> list[Path]:
    """Copy members to files of our own, all of them or none; the paths that were written.

    A member is known by its full name without a leading `./`; a leading `*/` in a wanted name stands for one folder or
    none. Several names may lead to one path: the first that the archive holds is taken. `also` are copied where the
    archive holds them. Copies are made in `folder`, on the same disk. MissingError where the archive is damaged, is
    refused, or lacks a wanted file.
    """
    targets = {**(also or {}), **wanted}
    scratch = folder / f".{archive.name}.unpacked"
    with writing(scratch):
        shutil.rmtree(scratch, ignore_errors=True)  # Of a process that was killed.
        scratch.mkdir(parents=True)
    try:
        found = _copied(archive, targets, scratch)
        lacking = next((name for name, path in wanted.items() if path not in found), None)
        if lacking:
            raise MissingError(f"{archive}: no {lacking} in it; get the right archive")
        with writing(folder):
            for path, copy in found.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                copy.replace(path)
        return list(found)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _copied(archive: Path, targets: Mapping[str, Path], scratch: Path) -> dict[Path, Path]:
    """Copies of the members in a scratch folder, by the path that each is for. The whole archive is read."""
    found: dict[Path, Path] = {}
    bounds = _Bounds(archive)
    try:
        with ExitStack() as stack:
            for member in _members(archive, stack):
                bounds.admit(member)
                target = _target(member.name, targets)
                if target is None or target in found:
                    continue
                content = member.open() if member.kind == "file" else None
                if content is None:
                    raise MissingError(f"{archive}: {member.name!r} is a {member.kind}, not a file; get it elsewhere")
                found[target] = scratch / str(len(found))
                _copy(content, found[target])
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError) as error:
        # zipfile raises a RuntimeError for an encrypted member, NotImplementedError for an unknown method.
        raise MissingError(f"{archive}: the archive is truncated or damaged: {error}; get it again") from error
    return found


def _copy(content: IO[bytes], path: Path) -> None:
    """Write a member's bytes; what the file system refuses is told from a damaged archive."""
    with content, writing(path), path.open("wb", buffering=0) as file:
        while piece := _read(content):
            write_all(file, piece)
        os.fsync(file.fileno())


def _read(content: IO[bytes]) -> bytes:
    try:
        return content.read(_PIECE)
    except OSError as error:  # A gzip stream that is none in its midst.
        raise tarfile.ReadError(str(error)) from error


def _target(name: str, targets: Mapping[str, Path]) -> Path | None:
    """The path that a member is for, None if nobody asked for it."""
    rest = name.partition("/")[2]
    return next((targets[key] for key in (name, f"*/{name}", f"*/{rest}") if key in targets), None)


class _Bounds:
    """Counts what an archive holds, and refuses what no honest one does."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._most = most_bytes(archive)
        self._members = self._bytes = 0

    def admit(self, member: _Member) -> None:
        self._members += 1
        self._bytes += member.size
        fault = self._fault(member)
        if fault:
            raise MissingError(f"{self._archive}: {fault}: not to be trusted, nothing of it was unpacked")

    def _fault(self, member: _Member) -> str | None:
        parts = member.name.replace("\\", "/").split("/")
        if parts[0] == "" or ":" in parts[0] or ".." in parts or "\0" in member.name:
            return f"the name {member.name!r} leads out of its folder"
        if member.kind == "device":
            return f"{member.name!r} is a device"
        if self._members > MOST_MEMBERS:
            return f"it has more than {MOST_MEMBERS:,} members"
        if self._bytes > self._most:
            return f"its members have more than {self._most:,} bytes, {HIGHEST_RATIO} times its own size"
        return None


def most_bytes(archive: Path) -> int:
    """How many bytes an archive may give."""
    return max(HARMLESS, HIGHEST_RATIO * archive.stat().st_size)


def _members(archive: Path, stack: ExitStack) -> Iterator[_Member]:
    """The members of a gzipped or plain tar archive or of a zip archive, whatever its name says."""
    file = stack.enter_context(archive.open("rb"))
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":
        yield from _zipped(stack.enter_context(zipfile.ZipFile(file)))
        return
    plain: Any = stack.enter_context(gzip.GzipFile(fileobj=file)) if start[:2] == b"\x1f\x8b" else file
    # Bounded, since tarfile reads the headers of long names into memory, whatever length they claim.
    bounded = io.BufferedReader(_AtMost(plain, most_bytes(archive) + (MOST_MEMBERS << 11)))
    with tarfile.open(fileobj=bounded, mode="r|") as tar:
        yield from _tarred(tar)
    while bounded.read(_PIECE):  # To its end, where the checksum of a gzip stream stands.
        pass


class _AtMost(io.RawIOBase):
    """A stream that fails after so many bytes."""

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self._stream, self._left = stream, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._stream.read(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise tarfile.ReadError("it unpacks to far more than its size")
        buffer[: len(piece)] = piece
        return len(piece)


def _tarred(archive: tarfile.TarFile) -> Iterator[_Member]:
    for member in archive:
        if not member.isdir():
            kind = "file" if member.isreg() else "link" if member.type in _LINKS else "device"
            yield _Member(member.name.removeprefix("./"), member.size, kind, partial(archive.extractfile, member))
        elif ".." in member.name.split("/"):
            yield _Member(member.name, 0, "folder", partial(archive.extractfile, member))


def _zipped(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        if not info.is_dir():
            link = stat.S_ISLNK(info.external_attr >> 16)
            yield _Member(info.filename, info.file_size, "link" if link else "file", partial(archive.open, info))
