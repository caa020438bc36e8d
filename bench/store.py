"""The vector store: shards of encoded texts on disk, keyed by all that made them.

A shard's key is the sha256 of the encoder's recipe and of its texts in order; ids are not part of it. `<key>.npy`
holds the rows (`bench.forms` has the endings of other forms), `<key>.json` the recipe, the checksum of the rows, and
what encoded them. The JSON is written last: a shard without it does not exist. Recipe and checksum are compared
whenever a shard is opened; one that is damaged is encoded again and said so.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.encoding import HALVED, Derives, Metered, Prepared, Side, TextEncoder, encode_window
from bench.errors import BenchError, StoppedError
from bench.files import canonical_json, digest, dump_json, file_sha256, read_json, write_whole
from bench.forms import SINGLE, form_of
from bench.overlap import Behind
from bench.seeding import seeded

if TYPE_CHECKING:
    from filelock import FileLock

FORMAT = 1
SHARD_SIZE = 2048
"""Texts a shard unless asked otherwise: at most so many are encoded again after a crash."""
EXAMPLE = "An example."
"""The text whose rendering, prompt and special tokens included, is stored with every shard."""

_META = frozenset(
    (
        *("format", "recipe", "rows", "dimension", "sha256", "seconds", "tokens", "truncated", "unknown", "equal"),
        *("rendered", "date", "environment"),
    )
)


@dataclass(frozen=True)
class Shard:
    """A stored shard: where its rows lie, what is known of them, and whether this call found or made it."""

    path: Path
    rows: int
    meta: dict[str, Any]
    reused: bool


@dataclass(frozen=True)
class Request:
    """Texts of one side whose shard is wanted, with the recipe and the key that it has."""

    encoder: TextEncoder
    texts: Sequence[str]
    side: Side
    language: str
    recipe: dict[str, Any]
    key: str


@dataclass(frozen=True)
class VectorStore:
    """Shards below one folder. Several processes may work on it at once: each shard is encoded by one of them.

    A model that draws numbers begins each shard with `seed`, whichever shards were made before it, and wherever.
    """

    root: Path
    say: Callable[[str], None] = field(default=lambda message: None)
    said: set[str] = field(default_factory=set, compare=False, repr=False)
    seed: int = 0

    def key(self, recipe: dict[str, Any], texts: Sequence[str]) -> str:
        """The key of a shard: sha256 over the canonical recipe and over the texts in order."""
        hasher = hashlib.sha256(canonical_json(recipe))
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            hasher.update(len(data).to_bytes(8, "big"))
            hasher.update(data)
        return hasher.hexdigest()

    def folder(self, recipe: dict[str, Any]) -> Path:
        """Where the shards of a recipe lie, there or not."""
        return self.root / digest(recipe)[:16]

    def holds(self, recipe: dict[str, Any], key: str, suffix: str = SINGLE.suffix) -> bool:
        """Whether a shard is there; unlike `find` without a look at its checksum."""
        return all(path.exists() for path in self._paths(recipe, key, suffix))

    def find(
        self, recipe: dict[str, Any], key: str, suffix: str = SINGLE.suffix, *, quiet: bool = False
    ) -> Shard | None:
        """The stored shard, or None where it is absent or damaged (which is said, unless `quiet`)."""
        path, meta_path = self._paths(recipe, key, suffix)
        try:
            meta = _checked(recipe, path, meta_path)
        except _Damaged as fault:
            if not quiet:
                self.say(f"vector store: {path.name}: {fault}: encoding these texts again")
            return None
        return Shard(path, meta["rows"], meta, reused=True) if meta else None

    def request(self, encoder: TextEncoder, texts: Sequence[str], side: Side, language: str) -> Request:
        """The texts as they are looked for and encoded; their key is made here, once."""
        recipe = encoder.recipe(side) | ({"language": language} if encoder.uses_language else {})
        return Request(encoder, texts, side, language, recipe, self.key(recipe, texts))

    def has(self, request: Request) -> bool:
        """Whether the shard is there; unlike `find` without a look at its checksum."""
        there = self.holds(request.recipe, request.key, form_of(request.encoder).suffix)
        return there or self._derived(request)

    def _derived(self, request: Request) -> bool:
        """Whether the shard could be made from another one that is there, as compact vectors are from whole ones."""
        encoder = request.encoder
        args = (self, request.texts, request.side, request.language)
        return isinstance(encoder, Derives) and encoder.derive(*args)

    def get(
        self,
        encoder: TextEncoder,
        texts: Sequence[str],
        side: Side,
        language: str,
        progress: Callable[[int], None] | None = None,
        wait: bool = True,
    ) -> Shard | None:
        """The shard of these texts, encoded if need be; None where another process is at it and `wait` is false."""
        with Behind() as behind:
            found = self.begin(self.request(encoder, texts, side, language), behind, progress, wait)
        return found.result() if isinstance(found, Future) else found

    def begin(
        self,
        request: Request,
        behind: Behind,
        progress: Callable[[int], None] | None = None,
        wait: bool = True,
        prepared: Prepared | None = None,
    ) -> Shard | Future[Shard] | None:
        """The shard where it is there; else its texts are encoded, and it is the future of what is written `behind`.

        None where another process is at it and `wait` is false. A shard stays locked until it is written.
        """
        suffix = form_of(request.encoder).suffix
        found = self.find(request.recipe, request.key, suffix, quiet=True)  # Whoever gets the lock says what is wrong.
        if not found and self._derived(request):
            found = self.find(request.recipe, request.key, suffix)
        if found:
            return found
        lock = self._locked(request.key, wait)
        if lock is None:
            return None
        with ExitStack() as stack:
            stack.callback(lock.release)
            # Another process may have finished it while this one waited.
            found = self.find(request.recipe, request.key, suffix)
            if found:
                return found
            write = self._encoded(request, progress, prepared)
            kept = stack.pop_all()  # The lock goes with the job.
        try:
            return behind.submit(partial(_within, kept, write))
        except BaseException:
            kept.close()  # The shard before could not be written: this one was not begun.
            raise

    def put(self, request: Request, data: bytes, meta: dict[str, Any]) -> Shard:
        """Store a shard that was made elsewhere: its file's bytes and what is known of it. Found where it is there.

        StoppedError where the bytes are not those that `meta` speaks of.
        """
        form = form_of(request.encoder)
        path, meta_path = self._paths(request.recipe, request.key, form.suffix)
        if hashlib.sha256(data).hexdigest() != meta["sha256"] or meta["recipe"] != request.recipe:
            raise StoppedError(f"{path.name}: vectors that were made elsewhere arrived damaged")
        lock = self._locked(request.key, wait=True)
        assert lock is not None
        with lock:
            found = self.find(request.recipe, request.key, form.suffix)
            if found is None:
                write_whole(path, data)
                write_whole(meta_path, dump_json(meta).encode())
        return found or Shard(path, meta["rows"], meta, reused=False)

    def _encoded(
        self, request: Request, progress: Callable[[int], None] | None, prepared: Prepared | None
    ) -> Callable[[], Shard]:
        """Encode the texts; the function returned writes them and takes nothing of the model any more."""
        started = time.perf_counter()
        encoder, side = request.encoder, request.side
        with seeded(self.seed):
            encoded = encode_window(encoder, request.texts, side, request.language, progress, prepared)
        if encoded.halved and HALVED not in self.said:
            self.said.add(HALVED)
            self.say(HALVED)
        form = form_of(encoder)
        made = {
            "format": FORMAT,
            "recipe": request.recipe,
            "rows": len(request.texts),
            "dimension": form.dimension(encoded.vectors),
            "sha256": "",
            "seconds": round(time.perf_counter() - started, 3),
            "tokens": encoded.tokens,
            "truncated": encoded.truncated,
            "unknown": encoded.unknown,
            "equal": encoded.equal,
            "rendered": encoder.rendered(EXAMPLE, side),
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "environment": encoder.environment(),
        } | ({"spent": encoder.spent()} if isinstance(encoder, Metered) else {})
        made |= {"halved": encoded.halved} if encoded.halved else {}
        path, meta_path = self._paths(request.recipe, request.key, form.suffix)

        def write() -> Shard:
            for left in path.parent.glob(f".{request.key}.*.part"):
                left.unlink(missing_ok=True)  # By a process that was killed: this one holds the lock.
            data = form.dump(encoded.vectors)
            meta = made | {"sha256": hashlib.sha256(data).hexdigest()}
            write_whole(path, data)
            write_whole(meta_path, dump_json(meta).encode())
            return Shard(path, len(request.texts), meta, reused=False)

        return write

    def _paths(self, recipe: dict[str, Any], key: str, suffix: str) -> tuple[Path, Path]:
        folder = self.folder(recipe)
        return folder / f"{key}{suffix}", folder / f"{key}.json"

    def _locked(self, key: str, wait: bool) -> FileLock | None:
        """The exclusive right to make one shard; the system gives it back when a process dies. None if busy."""
        from filelock import FileLock, Timeout

        folder = self.root / ".locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Taken by the thread that encodes, given back by the one that writes.
            lock = FileLock(folder / f"{key}.lock", thread_local=False)
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return None
        except OSError as error:
            raise StoppedError(f"{folder}: cannot write: {error.strerror or error}") from error
        return lock


def _within(kept: ExitStack, write: Callable[[], Shard]) -> Shard:
    with kept:
        return write()


class _Damaged(Exception):
    """A stored shard that cannot be used; the message says why."""


def _checked(recipe: dict[str, Any], path: Path, meta_path: Path) -> dict[str, Any] | None:
    """What is stored beside a shard's vectors, after a look at both; None where there is no such shard."""
    try:
        if not meta_path.exists():
            return None
        meta = read_json(meta_path)
        if not isinstance(meta, dict):
            raise _Damaged("damaged (its JSON is no object)")
        if meta.get("format") != FORMAT:
            raise _Damaged(f"written in format {meta.get('format')}, this program reads {FORMAT}")
        if _META - set(meta):
            raise _Damaged(f"damaged (its JSON lacks {', '.join(sorted(_META - set(meta)))})")
        if meta["recipe"] != recipe:
            raise _Damaged("made by another recipe")
        if not path.exists():
            raise _Damaged("its vectors are missing")
        if file_sha256(path) != meta["sha256"]:
            raise _Damaged("damaged (wrong checksum)")
    except BenchError as error:
        raise _Damaged(f"damaged ({error})") from error
    except OSError as error:
        raise _Damaged(f"not readable ({error.strerror or error})") from error
    return meta
