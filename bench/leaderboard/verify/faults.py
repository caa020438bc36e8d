"""Faults: what `bench board verify` finds wrong on a board, one a line."""

from __future__ import annotations

from typing import NamedTuple

CHECKS = {
    "json": "a file is no strict JSON: broken, NaN, or one key twice",
    "format": "a file is of a format that this version does not read",
    "shape": "a field is missing or of another kind than it should be",
    "unknown field": "a field that no version writes",
    "identity": "the id is not the digest of the identity, or the identity is not whole",
    "place": "folder or file name are not those of the identity",
    "checksum": "the content is not what it was when it was written",
    "derived": "a mean, a count of languages or another derived field is not what the languages give",
    "language": "a language that the task does not have",
    "measure": "a name that is no measure, or none of the entry's",
    "range": "a value outside [0, 1] or not finite, or a count below zero or above what it is a part of",
    "saturated": "the saturated measures are not those whose cut is not below the pool",
    "flag": "a flag that is malformed, missing, or not what scores and run give",
    "note": "a note that is not plain text of one line",
    "revision": "a revision of weights or data that can move or is not known",
    "private": "a path, user name or credential of the machine that measured",
    "not for boards": "a sample, data that differ from the pins, or too few documents retrieved for a measure",
    "card": "languages, counts or fingerprint are not those of the task's card",
    "scores missing": "an entry without its per-query scores, or they without an entry",
    "scores file": "a table of scores that cannot be read or has other columns",
    "gap": "a language, a measure or queries without per-query scores",
    "surplus": "per-query scores of a language or measure that the entry does not have",
    "duplicate": "an entry, a query or a released entry twice",
    "mean": "a language's value is not the mean of its per-query scores",
    "digest": "per-query scores, or a release's numbers, are not those of their digest",
    "run": "a stored run is damaged, missing, or gives other scores",
    "questions": "questions' texts that cannot be read, that no entry has, or that may not be shown",
    "stray": "a file that does not belong on a board",
    "imported": "an imported table or index that is absent or cannot be read",
    "reported": "a file of printed figures that cannot be read",
    "noise": "a noise floor that is not of its entry, or so high that a check sees nothing",
    "release": "a release that is damaged, or names what is not there",
}
"""The name of each check, and what it finds."""


Finding = tuple[str, str]
"""(check, message)."""


class Fault(NamedTuple):
    """One finding: the file, below the board where it lies there, the check, and what was found."""

    file: str
    check: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.check}: {self.message}"
