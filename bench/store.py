"""The vector store: shards of encoded texts on disk, keyed by all that made them.

A shard's key is the sha256 of the encoder's recipe and of its texts in order; ids are not part of it. `<key>.npy`
holds the rows (`bench.forms` has the endings of other forms), `<key>.json` the recipe, the checksum of the rows, and
what encoded them. The JSON is written last: a shard without it does not exist. Recipe and checksum are compared
whenever a shard is opened; one that is damaged is encoded again and said so.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.encoding import HALVED, Metered, Side, TextEncoder, encode_window
from bench.errors import BenchError, StoppedError
from bench.files import canonical_json, digest, dump_json, file_sha256, read_json, write_whole
from bench.forms import SINGLE, form_of

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
class VectorStore:
    """Shards below one folder. Several processes may work on it at once: each shard is encoded by one of them."""

    root: Path
    say: Callable[[str], None] = field(default=lambda message: None)
    said: set[str] = field(default_factory=set, compare=False, repr=False)

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
        recipe = encoder.recipe(side) | ({"language": language} if encoder.uses_language else {})
        key = self.key(recipe, texts)
        suffix = form_of(encoder).suffix
        found = self.find(recipe, key, suffix, quiet=True)  # Whoever gets the lock says what is wrong, once.
        if found:
            return found
        with self._lock(recipe, key, wait) as mine:
            if not mine:
                return None
            # Another process may have finished it while this one waited.
            return self.find(recipe, key, suffix) or self._make(encoder, recipe, key, texts, side, language, progress)

    def _make(
        self,
        encoder: TextEncoder,
        recipe: dict[str, Any],
        key: str,
        texts: Sequence[str],
        side: Side,
        language: str,
        progress: Callable[[int], None] | None,
    ) -> Shard:
        started = time.perf_counter()
        encoded = encode_window(encoder, texts, side, language, progress)
        if encoded.halved and HALVED not in self.said:
            self.said.add(HALVED)
            self.say(HALVED)
        form = form_of(encoder)
        path, meta_path = self._paths(recipe, key, form.suffix)
        data = form.dump(encoded.vectors)
        meta = {
            "format": FORMAT,
            "recipe": recipe,
            "rows": len(texts),
            "dimension": form.dimension(encoded.vectors),
            "sha256": hashlib.sha256(data).hexdigest(),
            "seconds": round(time.perf_counter() - started, 3),
            "tokens": encoded.tokens,
            "truncated": encoded.truncated,
            "unknown": encoded.unknown,
            "equal": encoded.equal,
            "rendered": encoder.rendered(EXAMPLE, side),
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "environment": encoder.environment(),
        } | ({"spent": encoder.spent()} if isinstance(encoder, Metered) else {})
        meta |= {"halved": encoded.halved} if encoded.halved else {}
        write_whole(path, data)
        write_whole(meta_path, dump_json(meta).encode())
        return Shard(path, len(texts), meta, reused=False)

    def _paths(self, recipe: dict[str, Any], key: str, suffix: str) -> tuple[Path, Path]:
        folder = self.folder(recipe)
        return folder / f"{key}{suffix}", folder / f"{key}.json"

    @contextmanager
    def _lock(self, recipe: dict[str, Any], key: str, wait: bool) -> Iterator[bool]:
        """The exclusive right to make one shard; the system gives it back when a process dies. Yields false if busy."""
        from filelock import FileLock, Timeout

        folder = self.root / ".locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{key}.lock")
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise StoppedError(f"{folder}: cannot write: {error.strerror or error}") from error
        try:
            yield True
        finally:
            lock.release()


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
