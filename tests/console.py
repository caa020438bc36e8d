"""The command line as a user meets it: called in this process, or on a terminal of a given width."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.cli import _code

CHECKOUT = Path(__file__).parents[1]
HEAVY = ("torch", "faiss", "pandas", "mteb", "sentence_transformers", "pyarrow", "scipy", "transformers")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    capsys.readouterr()
    code = _code([str(argument) for argument in arguments])
    return Outcome(code, *capsys.readouterr())


def rows(table: str) -> list[list[str]]:
    """The cells of a printed table, head included: what two blanks or more part."""
    lines = [line for line in table.splitlines() if line.strip() and "─" not in line]
    return [re.split(r"\s{2,}", line.strip()) for line in lines]


def on_terminal(columns: int, *arguments: object, **environment: str) -> str:
    """What a terminal of that many columns gets, escape sequences included."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    variables = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    variables |= {"COLUMNS": str(columns), "TERM": "xterm-256color"} | environment
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables, cwd=CHECKOUT):
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                part = b""
            if not part:
                break
            written += part
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def heavy_imports(*arguments: object) -> list[str]:
    """The heavy modules that are loaded after the command has done its work."""
    script = (
        "import sys; from bench.cli import _code; code = _code(sys.argv[1:]); "
        f"print(code, *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT)
    code, *found = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    return found
