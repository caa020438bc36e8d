"""The one family of errors that a user may meet; the command line catches it once and prints it without a traceback.

A message says what is wrong, where (file, key, line), and how to mend it. The exit codes are those of the command
line's contract: 2 wrong use or bad input, 3 data or weights missing or corrupt, 4 stopped by the outside or by an
impossible result. Anything that is not a `BenchError` is a bug and shows as one (exit code 70).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """A mistake or mishap that is explained to the user; `exit_code` is what the process returns."""

    exit_code = 2


class InputError(BenchError):
    """Wrong use or bad input: an unknown name, a malformed card, run or option."""

    exit_code = 2


class MissingError(BenchError):
    """Data or weights that are missing, incomplete or corrupt; the message names the file and how to get it."""

    exit_code = 3


class StoppedError(BenchError):
    """Stopped from outside or by an impossible result (full disk, NaN from a model); the message says what was kept."""

    exit_code = 4


def unknown(kind: str, name: str, known: Iterable[str], listing: str) -> InputError:
    """The error for a name that does not exist: `unknown model 'swimx': did you mean 'swim-x'? (bench models list)`.

    `listing` is the command that prints all names; a name that differs in case alone is offered alone, else up to
    three near ones are.
    """
    by_lower = {n.lower(): n for n in known}
    typed = name.lower()
    near = [
        by_lower[n] for n in difflib.get_close_matches(typed, by_lower, n=1 if typed in by_lower else 3, cutoff=0.6)
    ]
    guess = f" did you mean {' or '.join(repr(n) for n in near)}?" if near else " no name is near it;"
    return InputError(f"unknown {kind} {name!r}:{guess} ({listing})")
