"""An entry: the scores of one system on one task, with everything needed to get them again.

It is a value: growing gives a new one. Its identity says what was measured; each language block carries its own
numbers, environment and date. JSON is strict, and the keys of a block that are measures are spelled as measures are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.errors import InputError
from bench.files import digest

FORMAT = 1
Block = dict[str, Any]
"""One language's numbers (measures, `queries`, `scored`, `documents`, `judged`, `saturated`), flags, pins and recipe.

`digests` are those of its per-query scores by measure, `note` what whoever measured it says of its flags.
"""
_TAKEN = "questions"
"""A name that no entry's files have alone: the questions' texts of a task lie there."""
COUNTS = ("queries", "scored", "documents", "judged")


@dataclass(frozen=True)
class Entry:
    """`subsets` are all languages of the task in the card's order; `languages` are those that were measured."""

    identity: dict[str, Any]
    bare: bool
    measures: tuple[str, ...]
    subsets: tuple[str, ...]
    languages: dict[str, Block]

    @property
    def hex(self) -> str:
        """The first 8 hex digits of the identity's digest."""
        return digest(self.identity)[:8]

    @property
    def stem(self) -> str:
        """The name of the entry's files: the model's slug, with the identity where the slug alone does not say it."""
        name = slug(self.identity["model"])
        return name if self.bare and name != _TAKEN else f"{name}--{self.hex}"

    @property
    def numbers(self) -> dict[str, dict[str, Any]]:
        """By language every measure, null where it has none, and the counts: what a release freezes."""
        return {
            subset: {key: block.get(key) for key in (*self.measures, *COUNTS)}
            for subset, block in self.languages.items()
        }

    @property
    def digest(self) -> str:
        """sha256 over identity and numbers alone: another format of the file does not change it."""
        return digest({"identity": self.identity, "numbers": self.numbers})

    @property
    def folder(self) -> str:
        """The folder of the task on a board: `T`, or `T@S` for another split than the card's."""
        return task_folder(self.identity["task"])

    @property
    def missing(self) -> list[str]:
        """The languages that were not measured, in the card's order."""
        return [subset for subset in self.subsets if subset not in self.languages]

    def grown(self, subset: str, block: Block, measures: Sequence[str], order: Sequence[str]) -> Entry:
        """The entry with a language added, replaced or completed by further measures.

        A block that agrees with the one that was there adds its measures and its note to it, and leaves it as it was if
        it has neither. `measures` are those of the block; `order` is the card's, which comes first.
        """
        old = self.languages.get(subset)
        if old is not None and agree(old, block, self.measures):
            if _adds_nothing(old, block, measures):
                return self
            block = _joined(old, block, measures)
        languages = self.languages | {subset: block}
        present = dict.fromkeys((*order, *self.measures, *measures))
        return replace(
            self,
            measures=tuple(m for m in present if any(m in row for row in languages.values())),
            languages={code: languages[code] for code in self.subsets if code in languages},
        )

    @property
    def checksum(self) -> str:
        """sha256 over all that the entry holds, recipes, flags and notes included."""
        content = (self.identity, self.bare, list(self.measures), list(self.subsets), self.languages)
        return digest(list(content))

    def as_dict(self) -> dict[str, Any]:
        """The entry as it is stored; the checksum is that of its content, so that an edit of any part is found."""
        return {
            "format": FORMAT,
            "id": self.hex,
            "checksum": self.checksum,
            "identity": self.identity,
            "bare": self.bare,
            "measures": list(self.measures),
            "main_measure": self.measures[0],
            "subsets": list(self.subsets),
            "complete": not self.missing,
            "partial": f"{len(self.languages)}/{len(self.subsets)}",
            "missing": self.missing,
            "mean": mean_of(self.languages, self.measures, len(self.subsets)),
            "languages": self.languages,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], where: str) -> Entry:
        """The entry that a stored object is; InputError where it is none or of an unknown format."""
        form = value.get("format") if isinstance(value, Mapping) else None
        if form != FORMAT:
            raise InputError(f"{where}: format: expected {FORMAT}, found {form!r}: it needs another version of bench")
        try:
            return cls(
                identity=value["identity"],
                bare=value["bare"],
                measures=tuple(value["measures"]),
                subsets=tuple(value["subsets"]),
                languages=dict(value["languages"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where}: not an entry: {error!r}") from error


def agree(old: Block, new: Block, measures: Sequence[str]) -> bool:
    """Whether two blocks of one identity say the same: same data, and equal values of every measure both have.

    Where both know the digests of their per-query scores, those are equal too.
    """
    common = [measure for measure in measures if measure in old and measure in new]
    mine, theirs = (block.get("digests", {}) for block in (old, new))
    alike = all(mine[measure] == theirs[measure] for measure in mine.keys() & theirs.keys())
    return alike and all(old.get(key) == new.get(key) for key in (*common, *_DATA))


def _adds_nothing(old: Block, new: Block, measures: Sequence[str]) -> bool:
    noted = new.get("note") in (None, old.get("note"))
    return noted and all(m in old for m in measures) and new.get("digests", {}).keys() <= old.get("digests", {}).keys()


def _joined(old: Block, new: Block, measures: Sequence[str]) -> Block:
    """Both blocks in one; the recipe and the date are the older one's unless the newer one has further measures."""
    both = new | old if all(measure in old for measure in measures) else old | new
    saturated = dict.fromkeys((*old["saturated"], *new["saturated"]))
    joined = both | {"saturated": list(saturated), "digests": old.get("digests", {}) | new.get("digests", {})}
    if "slices" in joined:
        joined["slices"] = old.get("slices", {}) | new.get("slices", {})
    return joined | {key: new.get(key) or old[key] for key in ("note",) if new.get(key) or old.get(key)}


_DATA = ("queries", "documents", "judged", "pins", "fingerprint", "unanswered")


def mean_of(languages: Mapping[str, Block], measures: Sequence[str], of: int) -> dict[str, Any]:
    """The unweighted mean of each measure over the languages that are there, exactly rounded, and over how many.

    A measure that some language lacks has no mean: null.
    """
    rows = list(languages.values())
    means: dict[str, Any] = {}
    for measure in measures:
        column = [row.get(measure) for row in rows]
        known = [value for value in column if value is not None]
        means[measure] = math.fsum(known) / len(known) if rows and len(known) == len(rows) else None
    return means | {"languages": len(rows), "of": of}


def slug(name: str) -> str:
    """A name as a file name: lower case, runs of other characters than `a-z0-9._` as `-`, at most 80 characters."""
    return re.sub(r"[^a-z0-9._]+", "-", name.lower())[:80]


def task_folder(task: str) -> str:
    """The folder of a task; `T@S` keeps its `@`, since a split is part of a task's name."""
    return "@".join(slug(part) for part in task.split("@", 1))
