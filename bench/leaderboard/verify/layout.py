"""What lies where on a board: entries, noise floors, and files that are no part of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.leaderboard import NOT_TASKS, RELEASES, SUPERSEDED
from bench.leaderboard.noise import FOLDER as NOISE
from bench.leaderboard.questions import NAME as QUESTIONS
from bench.leaderboard.verify.faults import Fault

_HALVES = (".json", ".parquet")
_BESIDE = {("README.md",), (".gitignore",), (".gitattributes",)}


def entry_files(board: Path) -> list[Path]:
    """The JSON files of all entries, superseded ones included."""
    tasks = [folder for folder in board.iterdir() if folder.is_dir() and _is_task(folder)]
    return sorted(path for folder in tasks for at in (folder, folder / SUPERSEDED) for path in at.glob("*.json"))


def _is_task(folder: Path) -> bool:
    return folder.name not in NOT_TASKS and not folder.name.startswith(".")


def strays(board: Path) -> Iterator[Fault]:
    """Files that no part of a board is: left over, without their other half, or in no place of it."""
    for path in sorted(board.rglob("*")):
        parts = path.relative_to(board).parts
        where = "/".join(parts)
        if path.is_symlink():
            yield Fault(where, "stray", "a link: what it leads to is no part of the board")
            continue
        if path.is_dir() or parts[0] in (".locks", "imported", "reported") or parts in _BESIDE:
            continue
        in_task = len(parts) == 2 or (len(parts) == 3 and parts[1] == SUPERSEDED)
        if len(parts) == 3 and parts[1] == NOISE and path.suffix == ".json":
            if not path.parents[1].joinpath(path.name).exists():
                yield Fault(where, "stray", "a noise floor without its entry")
            continue
        release = parts[0] == RELEASES
        if len(parts) == 2 and parts[1] == QUESTIONS and not release:
            continue
        if path.name.startswith(".") or not in_task or path.suffix not in ((".json",) if release else _HALVES):
            yield Fault(where, "stray", "this does not belong on a board")
        elif path.suffix == ".parquet" and not path.with_suffix(".json").exists():
            yield Fault(where, "scores missing", "per-query scores without their entry")


def question_files(board: Path) -> list[Path]:
    """The questions' texts of all tasks that have some."""
    found = sorted(board.glob(f"*/{QUESTIONS}"))
    return [path for path in found if path.is_file() and _is_task(path.parent)]


def noise_files(board: Path) -> list[Path]:
    """The noise floors that stand beside an entry; others are strays."""
    found = sorted(board.glob(f"*/{NOISE}/*.json"))
    return [path for path in found if path.parents[1].joinpath(path.name).is_file()]
