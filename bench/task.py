"""A task card: what is asked. Source, subsets, split, document-text rule, measures, pins, licences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bench.cards import Card, one_name, path_inside
from bench.checksums import Checksum
from bench.collection import Passage
from bench.errors import InputError
from bench.measure import Measure, deepest_cut

DocumentText = Literal["title and text", "text"]
"""How the text that encoders get is made: title, one blank, text, stripped; or the text alone."""

Strength = Literal["hard", "soft", "none"]
"""What a difference from a pin means: the run stops; a warning; nothing is known to compare with."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Sizes = Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_as_tuple)]


class Licences(Card):
    """SPDX identifiers, or `unknown`, of the texts and of the relevance labels."""

    texts: str
    labels: str


class Source(Card):
    """Where the data come from: name and revision as published, and the address of its files where there is one."""

    name: str
    revision: str
    url: str | None = None


class SplitPins(Card):
    """The pins of one split of one subset; a pin that nobody knows is left out.

    `files` maps a file's name under the data folder to the checksum (`md5:..`, `sha256:..`, bare sha256) of its plain
    bytes, or, where the name ends in `.gz`, of its packed ones.
    """

    queries: int | None = None
    judgments: int | None = None
    positives: int | None = None
    counted: int | None = None
    fingerprint: str | None = None
    files: dict[str, str | None] = Field(default_factory=dict)

    @field_validator("files")
    @classmethod
    def _checksums(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        for name, text in value.items():
            path_inside(name)
            try:
                Checksum.parse(text or "0" * 64)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return value


class Subset(SplitPins):
    """One row of a benchmark's table of languages, with the pins of the card's own split.

    `query` and `document` are BCP-47 codes, by default the subset's own name; `source_code` is the source's own code.
    `shards` counts the files of the corpus. `splits` has the pins of other splits; one that any row of the card lists
    exists only for the rows that list it.
    """

    query: str | None = None
    document: str | None = None
    source_code: str | None = None
    documents: int | None = None
    shards: int | None = None
    splits: dict[str, SplitPins] = Field(default_factory=dict)

    @field_validator("query", "document", "source_code")
    @classmethod
    def _part_of_names(cls, value: str | None) -> str | None:
        return value if value is None else one_name(value)


COUNTS = ("documents", "queries", "judgments", "positives", "counted")
"""The pins that are numbers; `counted` are the questions with an answer to look for."""

PinName = Literal["documents", "queries", "judgments", "positives", "counted", "fingerprint", "shards", "files"]


class PinNote(Card):
    """Where the values of a kind of pin were read, and how strongly they bind."""

    source: str
    strength: Strength


class Reference(Card):
    """A system whose numbers on this task are published, where, and the file of the leaderboard folder with them."""

    system: str
    source: str
    file: str


class Task(Card):
    """One benchmark. `languages` keeps the order of the card; `measures` has the main measure first.

    `ranked: all` asks for the whole pool in order, not for what the deepest cut looks at. `sliced` are measures that
    are also told apart by the group of the relevant documents, where the loader knows of groups. `parallel` says
    that a query id means the same question in every language; `cluster` is a regular expression for the beginning of a
    query id: queries with the same match, such as those asked of one paragraph, are drawn together in statistics.
    `absent_documents: keep` lets the qrels name documents that the corpus lacks: they count as never found.
    """

    name: str
    title: str
    description: str
    authors: str
    citation: str = ""
    loader: str
    source: Source
    split: str
    splits: Names = ()
    document_text: DocumentText
    instruction: str | None = None
    instruction_source: str | None = None
    measures: Names
    ranked: Literal["all"] | None = None
    sliced: Names = ()
    parallel: bool = False
    cluster: str | None = None
    drop_query_id: bool = False
    empty_documents: Literal["refuse", "keep"] = "refuse"
    absent_documents: Literal["refuse", "keep"] = "refuse"
    licences: Licences
    texts_may_be_shown: bool = False
    warnings: Names = ()
    references: Annotated[tuple[Reference, ...], BeforeValidator(_as_tuple)] = ()
    pins: dict[PinName, PinNote] = Field(default_factory=dict)
    languages: dict[str, Subset]

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        # mteb's names keep their capitals; in the names of files all are small.
        if not re.fullmatch(r"(path:)?[a-z0-9._-]+|mteb:[A-Za-z0-9._-]+", value):
            raise ValueError(f"expected lower-case letters, digits, '.', '_' and '-', found {value!r}")
        return value

    @field_validator("cluster")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    @field_validator("measures")
    @classmethod
    def _known_measures(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected at least one measure, the main one first, such as [nDCG@10, R@100]")
        try:
            return tuple(str(Measure.parse(name)) for name in value)
        except InputError as error:
            raise ValueError(str(error)) from error

    @field_validator("languages", mode="before")
    @classmethod
    def _rows(cls, value: Any) -> Any:
        return {k: ({} if v is None else v) for k, v in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if not self.languages:
            raise ValueError("languages: expected at least one language")
        for key, names in (("languages", self.languages), ("split", (self.split,)), ("splits", self.splits)):
            _all_names(key, names)
        rows = self.languages.values()
        pinned = [*rows, *(pins for row in rows for pins in row.splits.values())]
        used = {kind for pins in pinned for kind in pins.model_fields_set if kind in _PIN_KINDS}
        unexplained = used - set(self.pins)
        if unexplained:
            raise ValueError(f"pins.{min(unexplained)}: give its source and strength; languages have such a pin")
        strange = {split for row in rows for split in row.splits} - set(self.splits)
        if strange:
            raise ValueError(f"splits: a language has pins for {min(strange)!r}, which is not in this list")
        if self.ranked and any(row.documents is None for row in rows):
            raise ValueError("ranked: all: every language needs its number of documents")
        if set(self.sliced) - set(self.measures):
            raise ValueError(f"sliced: {min(set(self.sliced) - set(self.measures))!r} is not among the measures")
        if self.instruction and not self.instruction_source:
            raise ValueError("instruction_source: say where the instruction was read")
        return self

    @property
    def all_splits(self) -> tuple[str, ...]:
        """The splits that can be asked for, the card's default first."""
        return tuple(dict.fromkeys((self.split, *self.splits)))

    def named(self, split: str) -> str:
        """The task as results name it: `T`, or `T@S` for another split than the card's."""
        return self.name if split == self.split else f"{self.name}@{split}"

    def subsets_of(self, split: str) -> tuple[str, ...]:
        """The subsets that have a split, in the card's order."""
        listed = tuple(subset for subset, row in self.languages.items() if split in row.splits)
        return listed or tuple(self.languages)

    def pinned(self, subset: str, split: str) -> Subset:
        """The row of a subset with the pins of that split; those of the corpus are the same for all."""
        row = self.languages[subset]
        if split == self.split:
            return row
        own = row.splits.get(split, SplitPins())
        return row.model_copy(update={**dict(own), "files": {**row.files, **own.files}})

    @property
    def measure_values(self) -> tuple[Measure, ...]:
        """The measures as values, the main one first."""
        return tuple(Measure.parse(name) for name in self.measures)

    @property
    def depth(self) -> int:
        """How many documents a query retrieves unless asked otherwise: what the deepest cut or `ranked` asks for."""
        if self.ranked == "all":
            return max(row.documents or 0 for row in self.languages.values())
        return deepest_cut(self.measure_values) or 1000

    def query_language(self, subset: str) -> str:
        """BCP-47 code of the subset's queries."""
        return self.languages[subset].query or subset

    def document_language(self, subset: str) -> str:
        """BCP-47 code of the subset's documents."""
        return self.languages[subset].document or subset

    @property
    def cross_lingual(self) -> bool:
        """Whether some subset's queries and documents are in different languages."""
        return any(self.query_language(s) != self.document_language(s) for s in self.languages)


def _all_names(key: str, names: Iterable[str]) -> None:
    """ValueError, with the key, for names that would lead out of the data folder."""
    for name in names:
        try:
            one_name(name)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error


_PIN_KINDS = {*COUNTS, "fingerprint", "shards", "files"}


def document_text(rule: DocumentText, passage: Passage) -> str:
    """The text of a passage as retrievers get it."""
    return f"{passage.title} {passage.text}".strip() if rule == "title and text" else passage.text
