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
"""One language's numbers (measures, `queries`, `documents`, `judged`, `saturated`), flags, notes, pins and recipe."""


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
        return name if self.bare else f"{name}--{self.hex}"

    @property
    def folder(self) -> str:
        """The folder of the task on a board: `T`, or `T@S` for another split than the card's."""
        return slug(self.identity["task"])

    @property
    def missing(self) -> list[str]:
        """The languages that were not measured, in the card's order."""
        return [subset for subset in self.subsets if subset not in self.languages]

    def grown(self, subset: str, block: Block, subsets: Sequence[str]) -> Entry:
        """The entry with a language added or replaced; equal numbers keep the block that was there."""
        old = self.languages.get(subset)
        if old is not None and numbers(old) == numbers(block):
            return self
        languages = self.languages | {subset: block}
        order = tuple(subsets)
        measures = tuple(m for m in self.measures if all(m in b for b in languages.values())) or self.measures
        return replace(
            self, subsets=order, measures=measures, languages={s: languages[s] for s in order if s in languages}
        )

    def as_dict(self) -> dict[str, Any]:
        """The entry as it is stored."""
        return {
            "format": FORMAT,
            "id": self.hex,
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


def numbers(block: Block) -> Block:
    """The part of a block that says what was measured, without when, where and how fast."""
    return {key: value for key, value in block.items() if key not in ("recipe", "notes")}


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
    """A name as a file name: lower case, runs of other characters than `a-z0-9._` as `-`, at most 80 characters.

    `T@S` keeps its `@`, since a split is part of a task's name.
    """
    parts = [re.sub(r"[^a-z0-9._]+", "-", part.lower()).strip("-.") or "-" for part in name.split("@", 1)]
    return "@".join(parts)[:80]
