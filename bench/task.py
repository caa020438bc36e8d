"""A task card: what is asked. Source, subsets, split, document-text rule, measures, pins, licences."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bench.cards import Card
from bench.collection import Passage
from bench.measure import Measure, deepest_cut

DocumentText = Literal["title and text", "text"]
"""How the text that encoders get is made: title, one blank, text, stripped; or the text alone."""

Strength = Literal["hard", "soft", "none"]
"""What a difference from a pin means: the run stops; a warning; nothing is known to compare with."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Licences(Card):
    """SPDX identifiers, or `unknown`, of the texts and of the relevance labels."""

    texts: str
    labels: str


class Source(Card):
    """Where the data come from: name and revision as published, and the address of its files where there is one."""

    name: str
    revision: str
    url: str | None = None


class Subset(Card):
    """One row of a benchmark's table of languages, with its pins; a pin that nobody knows is left out.

    `query` and `document` are BCP-47 codes, by default the subset's own name; `source_code` is the source's own code.
    `files` maps a file's name under the data folder to the sha256 of its plain (gunzipped) bytes.
    """

    query: str | None = None
    document: str | None = None
    source_code: str | None = None
    documents: int | None = None
    queries: int | None = None
    judgments: int | None = None
    positives: int | None = None
    fingerprint: str | None = None
    files: dict[str, str | None] = Field(default_factory=dict)


PinName = Literal["documents", "queries", "judgments", "positives", "fingerprint", "files"]


class PinNote(Card):
    """Where the values of a kind of pin were read, and how strongly they bind."""

    source: str
    strength: Strength


class Task(Card):
    """One benchmark. `languages` keeps the order of the card; `measures` has the main measure first."""

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
    parallel: bool = False
    drop_query_id: bool = False
    empty_documents: Literal["refuse", "keep"] = "refuse"
    licences: Licences
    texts_may_be_shown: bool = False
    warnings: Names = ()
    pins: dict[PinName, PinNote] = Field(default_factory=dict)
    languages: dict[str, Subset]

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"(path:)?[a-z0-9._-]+", value):
            raise ValueError(f"expected lower-case letters, digits, '.', '_' and '-', found {value!r}")
        return value

    @field_validator("measures")
    @classmethod
    def _known_measures(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected at least one measure, the main one first, such as [nDCG@10, R@100]")
        return tuple(str(Measure.parse(name)) for name in value)

    @field_validator("languages", mode="before")
    @classmethod
    def _rows(cls, value: Any) -> Any:
        return {k: ({} if v is None else v) for k, v in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if not self.languages:
            raise ValueError("languages: expected at least one language")
        used = {kind for row in self.languages.values() for kind in row.model_fields_set if kind in _PIN_KINDS}
        unexplained = used - set(self.pins)
        if unexplained:
            raise ValueError(f"pins.{min(unexplained)}: give its source and strength; languages have such a pin")
        if self.instruction and not self.instruction_source:
            raise ValueError("instruction_source: say where the instruction was read")
        return self

    @property
    def all_splits(self) -> tuple[str, ...]:
        """The splits that can be asked for, the card's default first."""
        return tuple(dict.fromkeys((self.split, *self.splits)))

    @property
    def measure_values(self) -> tuple[Measure, ...]:
        """The measures as values, the main one first."""
        return tuple(Measure.parse(name) for name in self.measures)

    @property
    def depth(self) -> int:
        """How many documents a query retrieves unless asked otherwise: the deepest cut among the measures."""
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


_PIN_KINDS = {"documents", "queries", "judgments", "positives", "fingerprint", "files"}


def document_text(rule: DocumentText, passage: Passage) -> str:
    """The text of a passage as retrievers get it."""
    return f"{passage.title} {passage.text}".strip() if rule == "title and text" else passage.text
