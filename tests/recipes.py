"""Recipes in a Markdown page, followed as they are written: files are written, commands typed, answers compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
_FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_FILE = re.compile(r"`([^`\s]+)`:\s*\Z")
_PROGRESS = re.compile(r": [\d,]+(/[\d,]+)? documents, ")
ANYTHING = "..."


class File(NamedTuple):
    """A block below a file's name."""

    path: str
    content: str


class Typed(NamedTuple):
    """A command and the lines that are said to come back; `...` is any text in a line, and any lines alone."""

    command: str
    answer: list[str]


def sections(page: Path) -> dict[str, str]:
    """The text below each heading of the second level."""
    _, *parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


def steps(section: str) -> list[File | Typed]:
    """The files and the commands of a section, in order; an unnamed block of another kind is for readers alone."""
    found: list[File | Typed] = []
    for block in _FENCE.finditer(section):
        named = _FILE.search(section[: block.start()].rstrip())
        if block[1] == "console":
            found += _typed(block[2])
        elif named:
            found.append(File(named[1], block[2]))
    return found


def _typed(block: str) -> Iterator[Typed]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *answer = part.splitlines()
        while command.endswith("\\"):
            command = command[:-1] + answer.pop(0)
        yield Typed(command, answer)


def checkout_copy(folder: Path) -> Path:
    """A checkout to write in: the package, the cards, and of the board what was measured on `mini`."""
    for name in ("bench", "tasks", "models", "leaderboards/mini"):
        shutil.copytree(CHECKOUT / name, folder / name)
    return folder


def follow(found: list[File | Typed], folder: Path) -> list[str]:
    """Do all of it in a folder; what each command printed. Fails where a command does, or answers otherwise."""
    answers = []
    for step in found:
        if isinstance(step, File):
            path = folder / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.content, encoding="utf-8")
        else:
            answers.append(_answer(step, folder))
    return answers


def _answer(typed: Typed, folder: Path) -> str:
    ours = {
        # The console script is that of this environment; the package that it finds first is the folder's.
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "PYTHONUNBUFFERED": "1",  # Else what goes to stderr comes before what goes to stdout.
        "BENCH_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BENCH_") and k not in ("COLUMNS", "FORCE_COLOR")}
    done = subprocess.run(
        ["bash", "-ec", typed.command],
        cwd=folder,
        env=kept | ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"$ {typed.command}\n{done.stdout}"
    assert _pattern(typed.answer).fullmatch(_lines(done.stdout)), (
        f"$ {typed.command}\nexpected:\n{_lines(chr(10).join(typed.answer))}found:\n{_lines(done.stdout)}"
    )
    return done.stdout


def _lines(text: str) -> str:
    """Without empty lines and blanks at the ends of lines, which nobody can see, and without a slow machine's progress."""
    lines = (line.rstrip() for line in text.splitlines() if line.strip())
    return "".join(f"{line}\n" for line in lines if not _PROGRESS.search(line))


def _pattern(answer: list[str]) -> re.Pattern[str]:
    lines = (line.rstrip() for line in answer if line.strip())
    return re.compile("".join(r"(?:.*\n)*?" if line == ANYTHING else _line(line) + r"\n" for line in lines))


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split(ANYTHING))
