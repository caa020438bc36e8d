"""What may go from a cache: leftovers of killed processes, and what the user asks for of vectors and downloads.

Results, and replies that were paid for, stay: they may be the only copy.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.errors import InputError, StoppedError
from bench.files import writing
from bench.holdings import Holding, Piece, holdings, locks
from bench.workdir import alone

_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True)
class Wish:
    """What of the vectors and downloads is to go: all that every given condition holds for; nothing without any.

    `recipes` are those of a model (see `bench.holdings.recipe_key`), `used` those that some entry was made with.
    """

    older_than: float | None = None
    recipes: Collection[str] | None = None
    used: Collection[str] | None = None

    @property
    def empty(self) -> bool:
        """Whether no condition was given."""
        return self.older_than is None and self.recipes is None and self.used is None


class Doomed(NamedTuple):
    """What would go, and why."""

    holding: Holding
    pieces: tuple[Piece, ...]
    reason: str

    @property
    def bytes(self) -> int:
        """How much room that makes."""
        return sum(piece.bytes for piece in self.pieces)


def parse_age(text: str) -> float:
    """The seconds that `30d`, `12h` or `2w` says; InputError for anything else."""
    match = re.fullmatch(r"(\d+)([hdw])", text.strip().lower())
    if match is None:
        raise InputError(f"--older-than {text}: expected an age such as 30d, 12h or 2w")
    return int(match[1]) * _SECONDS[match[2]]


def doomed(cache: Path, wish: Wish) -> list[Doomed]:
    """What would go, in the order of the list; nothing is touched."""
    return [found for holding in holdings(cache) if (found := _doomed(holding, wish))]


def _doomed(holding: Holding, wish: Wish) -> Doomed | None:
    if holding.kind == "temporary":
        return Doomed(holding, holding.pieces, "left by a process that has ended")
    if holding.kind == "unfinished" and not holding.about["alive"]:
        return Doomed(holding, holding.pieces, "left by a process that has ended")
    if holding.kind == "vectors" and not wish.empty:
        pieces = tuple(_old(holding.pieces, wish.older_than))
        recipe = holding.about["recipe"]
        wanted = wish.recipes is None or recipe in wish.recipes
        unused = wish.used is None or recipe not in wish.used
        if pieces and wanted and unused:
            return Doomed(holding, pieces, _reason(wish))
    if holding.kind == "downloads" and wish.older_than is not None and wish.recipes is None and wish.used is None:
        pieces = tuple(_old(holding.pieces, wish.older_than))
        if pieces:
            return Doomed(holding, pieces, _reason(wish))
    return None


def _old(pieces: Sequence[Piece], age: float | None) -> Iterator[Piece]:
    now = time.time()
    return (piece for piece in pieces if age is None or now - piece.used > age)


def _reason(wish: Wish) -> str:
    parts = [
        f"not used for {wish.older_than / 86400:g} days" if wish.older_than is not None else "",
        "of this model" if wish.recipes is not None else "",
        "no entry was made with them" if wish.used is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def prune(cache: Path, wish: Wish) -> list[Doomed]:
    """Remove what `doomed` names, and return it. StoppedError, before anything is touched, while a lock is held."""
    root = cache / "work"
    with writing(root), alone(root):  # No run begins meanwhile.
        held = locks(cache)
        if held:
            raise StoppedError(
                f"{cache}: a process is at work in this cache ({held[0].relative_to(cache)} is locked); nothing was "
                "removed: wait until it has ended"
            )
        gone = doomed(cache, wish)
        for item in gone:
            for path in (path for piece in item.pieces for path in piece.paths):
                _remove(cache, path)
        return gone


def _remove(cache: Path, path: Path) -> None:
    """Remove a file or a folder of the cache; what lies elsewhere, or behind a symbolic link, is never touched."""
    inside = path.relative_to(cache)
    steps = [cache.joinpath(*inside.parts[: i + 1]) for i in range(len(inside.parts))]
    if ".." in inside.parts or any(step.is_symlink() for step in steps):
        return
    with writing(path):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if path.parent.parent == cache / "vectors" and not any(path.parent.iterdir()):
        path.parent.rmdir()
