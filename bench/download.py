"""One download, which can be broken off at any time and goes on where it was.

What has come so far lies in `NAME.part`, and beside it, in `NAME.part.json`, whose it is: address, ETag, date and size.
The next attempt, in this process or a later one, asks for the rest alone, on the condition that the file is still the
same (HTTP Range and If-Range, RFC 9110 section 13 and 14). A server without ranges, or with another file by now, is
answered by starting again. The checksum is taken of the whole file, and only then does it get its name.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.checksums import Checksum, Checksums
from bench.errors import MissingError
from bench.files import check_room, write_all, writing
from bench.needed import Origin
from bench.partial_file import Part

TIMEOUT_S = (30.0, 60.0)
"""To connect, and between two pieces."""
TRIES = 4
PAUSE_S = 1.0
"""Before the second try; twice as long before each further one."""
LARGEST = 64 << 30
"""Bytes that no file exceeds whose size is not known beforehand."""
_PIECE = 1 << 20
_SLACK = 1 << 20
_LATER = (408, 425, 429, 500, 502, 503, 504)
"""What a server answers that may do better in a moment."""


class Transfers:
    """What a download tells while it goes on; this one tells nobody."""

    def begin(self, name: str, have: int, size: int | None) -> None:
        """A file begins, of which `have` bytes are there already; None where its size is not known."""

    def received(self, count: int) -> None:
        """So many more bytes are written."""

    def say(self, message: str) -> None:
        """A note for the user."""


class _BrokenOff(Exception):
    """The connection failed, or the server asks to come again: worth another try."""


def download(origin: Origin, target: Path, watch: Transfers | None = None, *, replace: bool = False) -> None:
    """Fetch a file whole or not at all; a file that is there already is kept unless it is to be replaced.

    MissingError where it cannot be had, or is not what was published (its bytes are not kept then); StoppedError where
    the disk is full. What came of it so far is kept otherwise, and a second call goes on from there.
    """
    watch, part = watch or Transfers(), Part(target)
    with _alone(part, watch):
        if target.exists() and not replace:
            return
        resumed = _received(origin, part, watch)
        fault = _fault(origin, part)
        if fault and resumed:
            # Pieces of two editions, or of a damaged disk: the whole of it decides.
            part.discard()
            watch.say(f"{origin.url}: {fault}: starting again from its first byte")
            _received(origin, part, watch)
            fault = _fault(origin, part)
        if fault:
            part.discard()
            raise MissingError(f"{origin.url}: {fault}: the source has changed")
        part.finish()


@contextmanager
def _alone(part: Part, watch: Transfers) -> Iterator[None]:
    """No other process fetches the same file to the same place meanwhile."""
    from filelock import FileLock, Timeout

    path = part.target.with_name(f".{part.target.name}.lock")
    lock = FileLock(path)
    with writing(part.target):
        part.target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except Timeout:
            watch.say(f"{part.target}: another process is fetching it: waiting")
            lock.acquire()
    try:
        yield
    finally:
        if not part.path.exists():  # Else the next attempt has to find the same lock.
            with suppress(OSError):
                path.unlink(missing_ok=True)
        lock.release()


def _fault(origin: Origin, part: Part) -> str | None:
    """What is wrong with the bytes of a complete part."""
    if not origin.checksum:
        return None
    algorithm, expected = Checksum.parse(origin.checksum)
    found = Checksums().of(part.path, algorithm, packed=True)
    return None if found == expected else f"{algorithm} is {found}, expected {expected}"


def _received(origin: Origin, part: Part, watch: Transfers) -> bool:
    """Fetch until the part is complete; whether bytes of an earlier request are in it."""
    failures, longest = 0, part.size
    while True:
        try:
            return _receive(origin, part, watch)
        except _BrokenOff as error:
            failures = 1 if part.size > longest else failures + 1
            longest = max(longest, part.size)
            if failures >= TRIES:
                kept = f"; {part.size:,} bytes are kept: run the same command again to go on" if part.size else ""
                message = f"{origin.url}: cannot fetch: {error}{kept}; or put the file under --data"
                raise MissingError(message) from error
            time.sleep(PAUSE_S * 2 ** (failures - 1))


def _receive(origin: Origin, part: Part, watch: Transfers) -> bool:
    """One request, for the rest where there is a part of the same file; whether it was a rest."""
    import requests

    have, notes = _resumable(origin, part)
    if have and have == notes.get("size"):
        return True
    headers = {"User-Agent": "bench", "Accept-Encoding": "identity"} | dict(origin.headers)
    if have:
        headers["Range"] = f"bytes={have}-"
        headers |= {"If-Range": notes["validator"]} if notes.get("validator") else {}
    try:
        with requests.get(origin.url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            start, size = _agreed(origin, part, answer, have, notes)
            _write(origin, part, answer, start, size, watch)
            return start > 0
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _BrokenOff(_reason(error)) from error
    except requests.RequestException as error:
        raise MissingError(f"{origin.url}: cannot fetch: {error}; or put the file under --data") from error


def _resumable(origin: Origin, part: Part) -> tuple[int, dict[str, Any]]:
    """How many bytes of the part may be kept, and its notes; none where nothing could tell a changed file."""
    notes, have = part.notes(), part.size
    if have and notes.get("url") == origin.url and (notes.get("validator") or origin.checksum):
        return have, notes
    return 0, {}


def _agreed(origin: Origin, part: Part, answer: Any, have: int, notes: dict[str, Any]) -> tuple[int, int | None]:
    """Where the answer's first byte belongs, and the size of the whole file; a part of another file is discarded."""
    _check_status(origin, answer)
    start, size = _extent(answer)
    validator = _validator(answer)
    if answer.status_code == 416:
        part.discard()
        raise _BrokenOff("the server has fewer bytes than are kept")
    if start:
        known = notes.get("size")
        size = known if size is None else size
        changed = validator and notes.get("validator") not in (None, validator)
        if start != have or known not in (None, size) or changed:
            part.discard()
            raise _BrokenOff("the server's file is another one than before")
    else:
        part.discard()
        part.note({"url": origin.url, "validator": validator, "size": size})
    _check_size(origin, part, size)
    if size is not None:
        check_room(part.target.parent, size - start, f"the rest of {part.target.name}" if start else part.target.name)
    return start, size


def _check_status(origin: Origin, answer: Any) -> None:
    code, reason = answer.status_code, f"{answer.status_code} {answer.reason}".strip()
    if code in _LATER:
        raise _BrokenOff(reason)
    if code not in (200, 206, 416):
        login = " (a login or the acceptance of terms may be needed)" if code in (401, 403) else ""
        raise MissingError(f"{origin.url}: cannot fetch: {reason}{login}; or put the file under --data")
    if origin.url.startswith("https:") and not answer.url.startswith("https:") and not origin.checksum:
        raise MissingError(f"{origin.url}: is answered without encryption from {answer.url}, and has no checksum")


def _extent(answer: Any) -> tuple[int, int | None]:
    """The position of the first byte that is sent, and the size of the whole file where it is said."""
    if answer.status_code == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
        if not match:
            raise _BrokenOff(f"a part without its place: Content-Range {answer.headers.get('Content-Range')!r}")
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _validator(answer: Any) -> str | None:
    """What If-Range takes: a strong ETag, else the date of the last change."""
    tag, date = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
    validator: str | None = tag if tag and not tag.startswith("W/") else date
    return validator


def _check_size(origin: Origin, part: Part, size: int | None) -> None:
    """Refuse, before its first byte, a file that cannot be the published one."""
    if size is None:
        return
    known = origin.size
    if size > _most(origin) or (known and size + _SLACK < known // 2):
        part.discard()
        expected = f"about {known:,} are expected" if known else f"more than {LARGEST:,} are taken for a mistake"
        raise MissingError(f"{origin.url}: the server announces {size:,} bytes, {expected}: not the published file")


def _most(origin: Origin) -> int:
    return 2 * origin.size + _SLACK if origin.size else LARGEST


def _write(origin: Origin, part: Part, answer: Any, start: int, size: int | None, watch: Transfers) -> None:
    """Append the body to the part as it comes; _BrokenOff where it ends too early."""
    from urllib3.exceptions import HTTPError

    watch.begin(part.target.name, start, size)
    at, most = start, _most(origin) if size is None else size
    # Without a buffer: what was received is in the file, however the process ends.
    with writing(part.path), part.path.open("ab", buffering=0) as file:
        while True:
            try:
                piece = answer.raw.read1(_PIECE, decode_content=False)  # What has come, without waiting for more.
            except HTTPError as error:
                of = f" of {size:,}" if size is not None else ""
                raise _BrokenOff(f"the connection broke off after {at:,}{of} bytes ({_reason(error)})") from error
            if not piece:
                break
            if at + len(piece) > most:
                part.discard()
                raise MissingError(f"{origin.url}: the server sends more than {most:,} bytes: nothing of it is kept")
            write_all(file, piece)
            at += len(piece)
            watch.received(len(piece))
    if size is not None and at < size:
        raise _BrokenOff(f"the connection broke off after {at:,} of {size:,} bytes")


def _reason(error: BaseException) -> str:
    """What lies at the bottom of an error of the network, in a few words."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
