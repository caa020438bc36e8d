"""Text files of the benchmarks, plain or gzipped: what lies in the place of one and is no text is told by its name."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench import files
from bench.errors import InputError, MissingError

_KINDS = {
    b"\x1f\x8b": "a gzip file in a gzip file",
    b"PK\x03\x04": "a zip archive",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"PAR1": "a Parquet file",
    b"%PDF-": "a PDF",
    b"version https://git-lfs": "a pointer of Git LFS, not the file that it stands for",
}
_PAGES = (b"<!doctype", b"<html", b"<?xml")
_HEAD = 512


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """A text file as `bench.files.open_text` opens it. MissingError for whatever is wrong with it.

    That is bytes that are not UTF-8 too, named with their line, and an archive, a table in another format or a web page
    in its place.
    """
    other = _other_than_text(path)
    if other:
        raise MissingError(f"{path}: {other}; get the file again")
    try:
        with files.open_text(path) as text:
            yield text
    except InputError as error:
        raise MissingError(str(error)) from error


def plain(value: object) -> str:
    """The value, a text; TypeError where it is none, UnicodeEncodeError for half of a surrogate pair out of JSON."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r:.40}")
    value.encode()  # No tokenizer and no file takes such a half.
    return value


def _other_than_text(path: Path) -> str | None:
    """What the file is instead of text, as far as its first bytes tell."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if not head:
            return "the gzip file is truncated: it is empty" if path.suffix == ".gz" else None
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                head = packed.read(_HEAD)
    except (OSError, EOFError, zlib.error):  # Whoever reads on will say what is wrong.
        return None
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        return "expected text, found a web page"
    if head[257:262] == b"ustar":
        return "expected text, found a tar archive: unpack it"
    if head[:3] == b"BZh" and head[4:10] == b"1AY&SY":
        return "expected text, found a bzip2 file"
    return next((f"expected text, found {kind}" for start, kind in _KINDS.items() if head.startswith(start)), None)
