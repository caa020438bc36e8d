"""Where a benchmark's file lies: under the data folder, plain or gzipped, else downloaded once into the cache."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath

from bench.checksums import Checksum
from bench.errors import MissingError, StoppedError
from bench.files import digest, writing
from bench.places import Places
from bench.task import Task

_TIMEOUT_S = 60
_PIECE = 1 << 20


def locate(task: Task, subset: str, name: str, places: Places, remote: str | None = None) -> Path:
    """The path of the file that the card calls `name`; MissingError says where it was looked for and how to get it.

    `remote` is its address below that of the source, by default its last name.
    """
    found = local(name, places.data)
    if found:
        return found
    looked = f"no {name} or {name}.gz under {places.data}" if places.data else "no --data folder was given"
    if not task.source.url:
        raise MissingError(f"{task.name}, {subset}: {looked}; put the file there and give the folder with --data")
    target = places.cache / "downloads" / task.name / digest(task.source.revision)[:12] / name
    url = f"{task.source.url.rstrip('/')}/{remote or PurePosixPath(name).name}"
    if target.exists():
        return target
    if places.offline:
        raise MissingError(f"{task.name}, {subset}: {looked}, and --offline (or --dry-run) forbids to fetch {url}")
    download(url, target, task.languages[subset].files.get(name))
    return target


def local(name: str, folder: Path | None) -> Path | None:
    """`folder/name` or `folder/name.gz`, whichever is there."""
    candidates = [folder / name, folder / f"{name}.gz"] if folder else []
    return next((path for path in candidates if path.is_file()), None)


def download(url: str, target: Path, checksum: str | None) -> None:
    """Fetch a file whole or not at all; where its checksum is known, bytes that do not match it are not kept."""
    algorithm, expected_hex = Checksum.parse(checksum) if checksum else Checksum("sha256", "")
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(suffix=".part", dir=target.parent)
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            expected = answer.headers.get("Content-Length")
            while piece := answer.read(_PIECE):
                hasher.update(piece)
                file.write(piece)
            size = file.tell()
        if expected is not None and size != int(expected):
            raise MissingError(f"{url}: the connection broke off after {size:,} of {int(expected):,} bytes; try again")
        found = hasher.hexdigest()
        if expected_hex and found != expected_hex:
            raise MissingError(f"{url}: {algorithm} is {found}, the card says {expected_hex}: the source has changed")
        Path(temporary).replace(target)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise MissingError(
            f"{url}: cannot fetch: {getattr(error, 'reason', error)}; or put the file under --data"
        ) from error
    except OSError as error:
        raise StoppedError(f"{target}: cannot write: {error.strerror or error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
