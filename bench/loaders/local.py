"""Where a benchmark's file lies: under the data folder, plain or gzipped, else downloaded once into the cache."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path, PurePosixPath

from bench.errors import MissingError, StoppedError
from bench.files import digest
from bench.loaders import Places
from bench.task import Task

_TIMEOUT_S = 60
_PIECE = 1 << 20


def locate(task: Task, subset: str, name: str, places: Places) -> Path:
    """The path of the file that the card calls `name`; MissingError says where it was looked for and how to get it."""
    found = local(name, places.data)
    if found:
        return found
    looked = f"no {name} or {name}.gz under {places.data}" if places.data else "no --data folder was given"
    if not task.source.url:
        raise MissingError(f"{task.name}, {subset}: {looked}; put the file there and give the folder with --data")
    target = places.cache / "downloads" / task.name / digest(task.source.revision)[:12] / name
    url = f"{task.source.url.rstrip('/')}/{PurePosixPath(name).name}"
    if target.exists():
        return target
    if places.offline:
        raise MissingError(f"{task.name}, {subset}: {looked}, and --offline forbids to fetch {url}")
    download(url, target, task.languages[subset].files.get(name))
    return target


def local(name: str, folder: Path | None) -> Path | None:
    """`folder/name` or `folder/name.gz`, whichever is there."""
    candidates = [folder / name, folder / f"{name}.gz"] if folder else []
    return next((path for path in candidates if path.is_file()), None)


def download(url: str, target: Path, sha256: str | None) -> None:
    """Fetch a file whole or not at all; where `sha256` is known, bytes that do not match it are not kept."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".part", dir=target.parent)
    hasher = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            expected = answer.headers.get("Content-Length")
            while piece := answer.read(_PIECE):
                hasher.update(piece)
                file.write(piece)
            size = file.tell()
        if expected is not None and size != int(expected):
            raise MissingError(f"{url}: the connection broke off after {size:,} of {int(expected):,} bytes; try again")
        if sha256 and hasher.hexdigest() != sha256:
            raise MissingError(f"{url}: sha256 is {hasher.hexdigest()}, the card says {sha256}: the source has changed")
        Path(temporary).replace(target)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise MissingError(
            f"{url}: cannot fetch: {getattr(error, 'reason', error)}; or put the file under --data"
        ) from error
    except OSError as error:
        raise StoppedError(f"{target}: cannot write: {error.strerror or error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def plain_sha256(path: Path) -> str:
    """sha256 of a file's plain bytes, gunzipped where it is gzipped; MissingError where it is damaged."""
    hasher = hashlib.sha256()
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as plain:
            while piece := plain.read(_PIECE):
                hasher.update(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MissingError(f"{path}: the gzip file is truncated or damaged: {error}; get it again") from error
    except OSError as error:
        raise MissingError(f"{path}: cannot read: {error.strerror or error}") from error
    return hasher.hexdigest()
