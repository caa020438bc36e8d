"""What a cache folder holds: vectors by recipe, downloads, results, replies, what a killed process left behind.

Only what has the shape of the program's own files is looked at, and nothing that a symbolic link leads to: a cache
folder may have been chosen badly.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench.errors import BenchError
from bench.files import digest, read_json

Kind = Literal["vectors", "downloads", "results", "replies", "unfinished", "temporary", "other"]

OLD_S = 24 * 3600
"""A process that still writes a file touches it now and then."""

_HEX16, _HEX12, _KEY = (re.compile(f"[0-9a-f]{{{n}}}") for n in (16, 12, 64))
_WORK = re.compile(r"tmp[A-Za-z0-9_]{8}")
_HIDDEN_PART = re.compile(r"\..+\.[A-Za-z0-9_]{8}\.part")


class Piece(NamedTuple):
    """Files that belong together: a shard with its JSON, an edition of a download, a folder of a run."""

    paths: tuple[Path, ...]
    bytes: int
    used: float

    @classmethod
    def of(cls, *paths: Path) -> Piece:
        """What the file system says of some files and folders; `used` is when one was last read or written."""
        found = [stat for path in paths for stat in _stats(path)]
        return cls(paths, sum(n for n, _ in found), max((used for _, used in found), default=0.0))


@dataclass(frozen=True)
class Holding:
    """One entry of the list. `about` says what it is: of vectors the `models`, `side`, `adapter`, `weights`."""

    kind: Kind
    name: str
    pieces: tuple[Piece, ...]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The size of all of it."""
        return sum(piece.bytes for piece in self.pieces)

    @property
    def used(self) -> float:
        """When any of it was last read or written, in seconds since 1970, as the file system tells it."""
        return max((piece.used for piece in self.pieces), default=0.0)


def holdings(cache: Path) -> list[Holding]:
    """Everything that is there, kind by kind."""
    models = models_by_recipe(cache / "results")
    found = [*_vectors(cache, models), *_downloads(cache), *_results(cache), *_replies(cache)]
    return [*found, *_unfinished(cache), *_temporary(cache), *_other(cache)]


def _vectors(cache: Path, models: dict[str, list[str]]) -> Iterator[Holding]:
    for folder in _folders(cache / "vectors"):
        if not _HEX16.fullmatch(folder.name):
            continue
        shards = tuple(_shards(folder))
        if shards:
            recipe = _recipe(folder)
            weights = recipe.get("weights")
            about = {
                "models": models.get(recipe_key(recipe), []),
                "side": recipe.get("side"),
                "language": recipe.get("language"),
                "adapter": recipe.get("adapter"),
                "weights": weights if isinstance(weights, dict) else None,
                "recipe": recipe_key(recipe),
            }
            yield Holding("vectors", f"vectors/{folder.name}", shards, about)


def _shards(folder: Path) -> Iterator[Piece]:
    """The shards of a recipe that are complete."""
    files: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        if _KEY.fullmatch(path.stem) and path.is_file() and not path.is_symlink():
            files.setdefault(path.stem, []).append(path)
    for paths in files.values():
        if any(path.suffix == ".json" for path in paths):
            # A look at the cache reads the JSON, a run reads the rows.
            used = Piece.of(*(path for path in paths if path.suffix != ".json")).used
            yield Piece.of(*sorted(paths))._replace(used=used)


def _recipe(folder: Path) -> dict[str, Any]:
    """The recipe of a folder of shards, empty where none of them can be read."""
    for path in folder.glob("*.json"):
        with suppress(BenchError, KeyError, TypeError):
            recipe = read_json(path)["recipe"]
            if isinstance(recipe, dict):
                return recipe
    return {}


def recipe_key(recipe: dict[str, Any]) -> str:
    """A recipe's digest, whatever the language of the texts."""
    return digest({key: value for key, value in recipe.items() if key != "language"})


def models_by_recipe(*folders: Path) -> dict[str, list[str]]:
    """The models of the entries below some folders, by the recipes of their vectors."""
    found: dict[str, list[str]] = {}
    for path in (path for folder in folders for path in sorted(folder.rglob("*.json")) if not path.is_symlink()):
        with suppress(BenchError, KeyError, TypeError):
            identity = read_json(path)["identity"]
            for recipe in _recipes(identity["system"]):
                names = found.setdefault(recipe_key(recipe), [])
                names += [identity["model"]] if identity["model"] not in names else []
    return found


def _recipes(value: Any) -> Iterator[dict[str, Any]]:
    """The recipes of vectors inside of a system's identity."""
    if isinstance(value, dict):
        if "adapter" in value and "side" in value:
            yield value
        else:
            for inner in value.values():
                yield from _recipes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _recipes(inner)


def _downloads(cache: Path) -> Iterator[Holding]:
    for task in _folders(cache / "downloads"):
        editions = tuple(Piece.of(folder) for folder in _folders(task) if _HEX12.fullmatch(folder.name))
        if editions:
            yield Holding("downloads", f"downloads/{task.name}", editions, {"task": task.name})


def _results(cache: Path) -> Iterator[Holding]:
    for task in _folders(cache / "results"):
        pieces = tuple(Piece.of(folder) for folder in _folders(task))
        if pieces:
            yield Holding("results", f"results/{task.name}", pieces, {"task": task.name})


def _replies(cache: Path) -> Iterator[Holding]:
    for path in sorted(cache.glob("replies/*.sqlite")):
        yield Holding("replies", f"replies/{path.name}", (Piece.of(path),))


def _unfinished(cache: Path) -> Iterator[Holding]:
    for folder in _folders(cache / "work"):
        if _WORK.fullmatch(folder.name):
            yield Holding("unfinished", f"work/{folder.name}", (Piece.of(folder),), {"alive": locked(folder / "lock")})


def _temporary(cache: Path) -> Iterator[Holding]:
    """Hidden parts and vectors without their JSON, which are lost with their process, once they are a day old."""
    for name in ("vectors", "downloads", "results"):
        root = cache / name
        for path in sorted(root.rglob(".*.part")) if not root.is_symlink() else ():
            if _HIDDEN_PART.fullmatch(path.name) and path.is_file() and _stale(path):
                yield Holding("temporary", str(path.relative_to(cache)), (Piece.of(path),))
    for folder in _folders(cache / "vectors"):
        for path in sorted(folder.iterdir()) if _HEX16.fullmatch(folder.name) else ():
            alone = _KEY.fullmatch(path.stem) and path.suffix != ".json" and not path.with_suffix(".json").exists()
            if alone and path.is_file() and _stale(path):
                yield Holding("temporary", str(path.relative_to(cache)), (Piece.of(path),))


def _other(cache: Path) -> Iterator[Holding]:
    """What the program has worked out and can work out again."""
    for path in (cache / "checksums.json", cache / "site"):
        if path.exists() and not path.is_symlink():
            yield Holding("other", path.name, (Piece.of(path),))


def _stale(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > OLD_S and not path.is_symlink()


def _folders(root: Path) -> list[Path]:
    """The folders in a folder; none where it is a symbolic link, and none that are."""
    if root.is_symlink() or not root.is_dir():
        return []
    return [path for path in sorted(root.iterdir()) if path.is_dir() and not path.is_symlink()]


def _stats(path: Path) -> Iterator[tuple[int, float]]:
    """Size and last use of a file, or of every file below a folder."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            for inner in path.rglob("*"):
                if inner.is_file() and not inner.is_symlink():
                    yield from _stats(inner)
        else:
            found = path.lstat()
            yield found.st_size, max(found.st_mtime, found.st_atime)


def locks(cache: Path) -> list[Path]:
    """The locks of the cache that some process holds now."""
    files: Iterable[Path] = (
        *(path for path in cache.glob("work/*/lock") if _WORK.fullmatch(path.parent.name)),
        *cache.glob("vectors/.locks/*.lock"),
        *cache.glob("downloads/*/*/**/.*.lock"),
    )
    return [path for path in files if locked(path)]


def locked(path: Path) -> bool:
    """Whether some process holds a lock; one that nobody may open counts as held."""
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except (Timeout, OSError):
        return True
