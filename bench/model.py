"""A model card: what answers. Kind, weights and revision, prompts, pooling, limits, dtypes, languages, licence."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from bench.cards import Card, found_as, path_inside
from bench.flags import CHECKS
from bench.task import Names, Sizes

Dtype = Literal["float32", "bfloat16", "float16"]
Attention = Literal["sdpa", "eager", "flash_attention_2"]
Backend = Literal["torch", "openvino"]


class Weights(Card):
    """Where weights come from: a hub name with its revision, a folder inside an installed package, or `--weights`.

    `hub` with `revision: null` means that no revision was read anywhere: a run resolves and records one;
    `revision_source` says where one was read. `architectures` are the `model_type`s that a folder's config.json may
    state, any if empty; `how` says how to come by weights that no run can fetch.
    """

    hub: str | None = None
    revision: str | None = None
    revision_source: str | None = None
    package: str | None = None
    folder: str | None = None
    architectures: Names = ()
    how: str | None = None

    @field_validator("hub")
    @classmethod
    def _hub_name(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", value):
            raise ValueError(f"expected ORG/NAME, found {value!r}")
        return value

    @field_validator("package")
    @classmethod
    def _package_name(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z_]\w*", value):
            raise ValueError(f"expected the name of a package, without dots, found {value!r}")
        return value

    @field_validator("folder", "revision")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        return value if value is None else path_inside(value)

    @model_validator(mode="after")
    def _one_place(self) -> Weights:
        if self.hub and self.package:
            raise ValueError("give either hub or package, not both")
        return self


class Training(Card):
    """What a model was trained on, for who looks for contamination: data sets and tasks as the source names them.

    `declared` are stated for the model itself, `inherited` for the models that it was made from (`inherited_from`).
    A model without such a record is one of which nothing is known, which is not the same as an empty list.
    """

    source: str
    declared: Names = ()
    inherited: Names = ()
    inherited_from: Names = ()

    @model_validator(mode="after")
    def _consistent(self) -> Training:
        if bool(self.inherited) and not self.inherited_from:
            raise ValueError("inherited_from: say from which models the inherited data come")
        return self


class Sides(Card):
    """A text for each side, put before every query and every document; `{instruction}` takes the task's instruction."""

    query: str = ""
    document: str = ""


class Lengths(Card):
    """The largest number of tokens of a query and of a document; the rest is cut off. None: the model's own limit."""

    query: int | None = None
    document: int | None = None


class Model(Card):
    """One system. Fields that a kind does not use stay at their defaults.

    `prompts`, `pooling`, `similarity` and `max_length` left out mean the model's own, as its folder states them.
    `languages` are those it claims (`any` for a model without such a claim); `expect` names checks whose flags are
    known and do not surprise; the first of `dtypes` is the one that a run takes. `backend` is what computes,
    `attention` how; None leaves it to the library. `instruction` stands in for a task's where the task has none.
    `matryoshka` are the dimensions that it was trained to be shortened to. `mteb` is the model's name in mteb's
    registry, `reported_as` those in reported tables. `remote_code` models hold code of their own, which runs only
    if it is trusted. `training_data` is for readers, `trained_on` for programs.
    """

    name: str
    kind: Literal["dense", "sparse", "late", "embedded", "bm25", "cross", "remote", "mteb"]
    description: str
    licence: str
    languages: Names | Literal["any"]
    citation: str = ""
    source: str | None = None
    extra: str | None = None
    weights: Weights | None = None
    parameters: int | None = None
    prompts: Sides | None = None
    prompts_source: str | None = None
    instruction: str | None = None
    instruction_source: str | None = None
    remote_code: bool = False
    pooling: Literal["mean", "cls", "lasttoken", "max"] | None = None
    similarity: Literal["cosine", "dot"] | None = None
    max_length: Lengths = Lengths()
    dtypes: Names = ("float32",)
    backend: Backend = "torch"
    attention: Attention | None = None
    matryoshka: Sizes = ()
    matryoshka_source: str | None = None
    training_data: Names = ()
    trained_on: Training | None = None
    mteb: str | None = None
    reported_as: Names = ()
    expect: Names = ()
    notes: Names = ()
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", value):
            raise ValueError(f"expected lower-case letters, digits, '.', '_' and '-', found {value!r}")
        return value

    @field_validator("languages", mode="before")
    @classmethod
    def _codes(cls, value: Any) -> Any:
        codes = value if isinstance(value, list | tuple) else ()
        bad = next((code for code in codes if not isinstance(code, str)), None)
        if bad is not None or (value != "any" and not codes):
            found = found_as(bad if bad is not None else value)
            raise ValueError(f'expected any, or a list of language codes such as [en, "no"], found {found}')
        return value

    @model_validator(mode="after")
    def _sourced(self) -> Model:
        if self.instruction and not self.instruction_source:
            raise ValueError("instruction_source: say where the instruction was read")
        if self.matryoshka and not self.matryoshka_source:
            raise ValueError("matryoshka_source: say where the dimensions were read")
        return self

    @model_validator(mode="after")
    def _computed(self) -> Model:
        if self.backend != "torch" and self.kind not in ("dense", "sparse", "late"):
            raise ValueError(f"backend: {self.backend}: only dense, sparse and late models have one, not {self.kind}")
        return self

    def trained_with(self, name: str) -> Literal["declared", "inherited", "no", "unknown"]:
        """Whether a data set or task of that name was among its training data, as far as the card knows."""
        if self.trained_on is None:
            return "unknown"
        if name in self.trained_on.declared:
            return "declared"
        return "inherited" if name in self.trained_on.inherited else "no"

    @field_validator("expect")
    @classmethod
    def _known_checks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name.removesuffix(" across languages") not in CHECKS:
                raise ValueError(f"expected names of checks ({', '.join(CHECKS)}), found {name!r}")
        return value

    @field_validator("dtypes")
    @classmethod
    def _known_dtypes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        bad = [d for d in value if d not in ("float32", "bfloat16", "float16")]
        if bad or not value:
            found = repr(bad[0]) if bad else "an empty list"
            raise ValueError(f"expected a list of float32, bfloat16, float16, found {found}")
        return value
