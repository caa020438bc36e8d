"""Model expressions as values: a model, a model stored in fewer bytes, a function over several, stages after one.

`bench.grammar` reads them. An expression is printed as it is typed: that form (one blank after commas and around `>>`,
defaults as typed) is canonical, the name of a system in results.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WORD = re.compile(r"[^\s,()\[\]'*=>]+")
"""What needs no quotes."""


@dataclass(frozen=True)
class Name:
    """The name of a model card."""

    text: str

    def __str__(self) -> str:
        return _quoted(self.text)


@dataclass(frozen=True)
class Kind:
    """A model without a card: `hf:ORG/NAME@REV`, `path:DIR`, `python:MODULE:CLASS`."""

    kind: str
    rest: str

    def __str__(self) -> str:
        return _quoted(f"{self.kind}:{self.rest}")


@dataclass(frozen=True)
class Stored:
    """A model and how its vectors are stored: `all-minilm-l6-v2 [int8]`."""

    model: Name | Kind
    vectors: str

    def __str__(self) -> str:
        return f"{self.model} [{self.vectors}]"


@dataclass(frozen=True)
class Call:
    """A function over expressions, with options: `rrf(a, b, k=60)`."""

    function: str
    arguments: tuple[Expression, ...]
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        parts = [str(a) for a in self.arguments] + [f"{name}={_quoted(value)}" for name, value in self.options]
        return f"{self.function}({', '.join(parts)})"


@dataclass(frozen=True)
class Weighted:
    """An argument of a function with its weight: `a*0.3`; the weight stays as it was typed."""

    expression: Expression
    weight: str

    def __str__(self) -> str:
        return f"{self.expression}*{self.weight}"


@dataclass(frozen=True)
class Stage:
    """What is done with the ranking of what stands before it: `cross:X[50]`, `prf(3, alpha=0.5)`.

    `rest` is what stands after the colon, None for a function; `values` and `options` are those of a function;
    `depth` is how many documents of a query go into it.
    """

    name: str
    rest: str | None = None
    values: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    depth: int | None = None

    def __str__(self) -> str:
        if self.rest is not None:
            shown = _quoted(f"{self.name}:{self.rest}")
        else:
            parts = [*map(_quoted, self.values), *(f"{name}={_quoted(value)}" for name, value in self.options)]
            shown = f"{self.name}({', '.join(parts)})"
        return shown if self.depth is None else f"{shown}[{self.depth}]"


@dataclass(frozen=True)
class Staged:
    """A system and a stage after it."""

    first: Expression
    stage: Stage

    def __str__(self) -> str:
        return f"{self.first} >> {self.stage}"


Expression = Name | Kind | Stored | Call | Weighted | Staged


def leaves(tree: Expression) -> Iterator[Name | Kind]:
    """The models of an expression that retrieve, left to right; stages are not among them."""
    if isinstance(tree, Name | Kind):
        yield tree
    for part in _parts(tree):
        yield from leaves(part)


def stages(tree: Expression) -> Iterator[Stage]:
    """The stages of an expression, in the order in which they work."""
    for part in _parts(tree):
        yield from stages(part)
    if isinstance(tree, Staged):
        yield tree.stage


def _parts(tree: Expression) -> tuple[Expression, ...]:
    """The expressions that an expression is made of."""
    if isinstance(tree, Call):
        return tree.arguments
    if isinstance(tree, Stored):
        return (tree.model,)
    if isinstance(tree, Weighted):
        return (tree.expression,)
    return (tree.first,) if isinstance(tree, Staged) else ()


def _quoted(text: str) -> str:
    return text if WORD.fullmatch(text) else f"'{text}'"
