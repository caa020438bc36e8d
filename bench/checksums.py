"""Checksums of data files, as cards pin them: `md5:<hex>`, `sha256:<hex>`, or bare hex, which is sha256."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import MissingError
from bench.files import dump_json, write_whole

_PIECE = 1 << 20
_LARGE = 16 << 20
_LENGTHS = {"md5": 32, "sha256": 64}


class Checksum(NamedTuple):
    """A published digest and what it was made with."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Checksum:
        """The checksum that a card writes as `text`; ValueError where it is none."""
        algorithm, _, digits = text.rpartition(":")
        algorithm = algorithm or "sha256"
        if algorithm not in _LENGTHS or not re.fullmatch(rf"[0-9a-f]{{{_LENGTHS[algorithm]}}}", digits):
            raise ValueError(f"expected md5:<32 hex digits>, sha256:<64 hex digits> or 64 hex digits, found {text!r}")
        return cls(algorithm, digits)


class Checksums:
    """Digests of files. Those of files from 16 MiB on are remembered in one JSON file, for a corpus takes minutes.

    A file is taken to be unchanged while its path, size and modification time (in ns) are; smaller files are read each
    time. Without a `memory` nothing is remembered.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self._memory = memory

    def of(self, path: Path, algorithm: str, *, packed: bool = False) -> str:
        """The digest of a file's plain bytes, in hex; with `packed` of its bytes as they lie there.

        Raises MissingError where the file cannot be read or its gzip stream is damaged.
        """
        try:
            state = path.stat()
        except OSError as error:
            raise MissingError(f"{path}: cannot read: {error.strerror or error}") from error
        if self._memory is None or state.st_size < _LARGE:
            return _digest(path, algorithm, packed)
        key = f"{path.resolve()} {algorithm}{' packed' if packed else ''}"
        stamp = [state.st_size, state.st_mtime_ns]
        kept = _read(self._memory).get(key)
        if isinstance(kept, list) and kept[:-1] == stamp:
            return str(kept[-1])
        found = _digest(path, algorithm, packed)
        # Read again: another process may have added to it; what one of two loses is only computed once more.
        write_whole(self._memory, dump_json({**_read(self._memory), key: [*stamp, found]}).encode())
        return found


def _read(memory: Path) -> dict[str, Any]:
    """What is remembered; nothing where the file is absent or damaged, since all of it can be had again."""
    with suppress(OSError, ValueError):
        value = json.loads(memory.read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else {}
    return {}


def _digest(path: Path, algorithm: str, packed: bool) -> str:
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped and not packed else path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                hasher.update(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MissingError(f"{path}: the gzip file is truncated or damaged: {error}; get it again") from error
    except OSError as error:
        raise MissingError(f"{path}: cannot read: {error.strerror or error}") from error
    return hasher.hexdigest()
