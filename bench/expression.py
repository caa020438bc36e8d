"""Model expressions: `NAME`, `kind:REST`, `sum(a*0.3, b*0.7)`, `a >> cross:X[50] >> prf(3)`, nested.

    expression := term (">>" stage)*
    term       := NAME | kind:REST | function(argument, .., option=value, ..)
    argument   := expression ["*" weight]
    stage      := kind:REST ["[" depth "]"] | function(value, .., option=value, ..) ["[" depth "]"]

`m + prf(3)` is `m >> prf(3)`; quotes take any characters into a word. An expression is printed as it is typed: that
form (one blank after commas and around `>>`, defaults as typed) is canonical, the name of a system in results. A
mistake is shown with a caret under its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from bench.errors import InputError

T = TypeVar("T")


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


Expression = Name | Kind | Call | Weighted | Staged

_PLAIN = re.compile(r"[^\s,()\[\]'*=>]+")
_OPTION = re.compile(r"([a-z_]+)\s*=")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+")


def parse_expression(text: str) -> Expression:
    """The expression that `text` spells; InputError shows the place of a mistake."""
    parser = _Parser(text)
    tree = parser.expression()
    parser.blank()
    if parser.at < len(text):
        raise parser.error("expected the end here")
    return tree


def leaves(tree: Expression) -> Iterator[Name | Kind]:
    """The models of an expression that retrieve, left to right; stages are not among them."""
    if isinstance(tree, Call):
        for argument in tree.arguments:
            yield from leaves(argument)
    elif isinstance(tree, Weighted):
        yield from leaves(tree.expression)
    elif isinstance(tree, Staged):
        yield from leaves(tree.first)
    else:
        yield tree


def stages(tree: Expression) -> Iterator[Stage]:
    """The stages of an expression, in the order in which they work."""
    if isinstance(tree, Call):
        for argument in tree.arguments:
            yield from stages(argument)
    elif isinstance(tree, Weighted):
        yield from stages(tree.expression)
    elif isinstance(tree, Staged):
        yield from stages(tree.first)
        yield tree.stage


def split_list(text: str) -> list[str]:
    """The items of a comma list; commas inside brackets or quotes do not split."""
    items, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        if c == "'":
            quoted = not quoted
        elif not quoted and c in "([":
            depth += 1
        elif not quoted and c in ")]":
            depth -= 1
        elif c == "," and depth == 0 and not quoted:
            items.append(text[start:i])
            start = i + 1
    return [item.strip() for item in [*items, text[start:]] if item.strip()]


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else f"'{text}'"


def _columns(text: str) -> int:
    """The columns that a text takes on a terminal: two for a wide character, none for a combining mark."""
    seen = [c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf")]
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in seen)


class _Parser:
    """A cursor over the text; every method consumes what it recognises."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str) -> InputError:
        shown = "".join(" " if c.isspace() else c for c in self.text)
        return InputError(f"model expression: {message}\n  {shown}\n  {' ' * _columns(shown[: self.at])}^")

    def blank(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self) -> str:
        self.blank()
        return self.text[self.at : self.at + 1]

    def word(self, wanted: str = "a model") -> str:
        """A plain word, or anything in single quotes."""
        if self.peek() == "'":
            end = self.text.find("'", self.at + 1)
            if end < 0:
                raise self.error("the quote that opens here is not closed")
            if end == self.at + 1:
                raise self.error(f"expected {wanted} here, found empty quotes")
            word, self.at = self.text[self.at + 1 : end], end + 1
            return word
        match = _PLAIN.match(self.text, self.at)
        if not match:
            raise self.error(f"expected {wanted} here")
        self.at = match.end()
        return match[0]

    def expression(self) -> Expression:
        tree = self.term()
        while self.stage_follows():
            tree = Staged(tree, self.stage())
        return tree

    def term(self) -> Expression:
        quoted, start = self.peek() == "'", self.at
        word = self.word()
        if self.peek() == "(" and not quoted:
            function, plus, _ = word.rpartition("+")
            if not plus:
                return self.call(word)
            # `m+prf(3)` without blanks: the name ends before the last plus.
            word, self.at = function, start + len(function)
        kind, colon, rest = word.partition(":")
        return Kind(kind, rest) if colon else Name(word)

    def stage_follows(self) -> bool:
        """Whether `>>` or `+` comes next; it is consumed."""
        first = self.peek()
        if first == ">" and self.text[self.at + 1 : self.at + 2] != ">":
            raise self.error("expected '>>' here")
        self.at += {">": 2, "+": 1}.get(first, 0)
        return first in (">", "+") and bool(first)

    def stage(self) -> Stage:
        quoted, start = self.peek() == "'", self.at
        word = self.word("a stage, such as cross:NAME or prf(3)")
        if self.peek() == "(" and not quoted:
            values, options = self.brackets(lambda: self.word("a value"))
            stage = Stage(word, None, tuple(values), options)
        else:
            kind, colon, rest = word.partition(":")
            if not colon or not rest:
                self.at = start
                raise self.error("expected a stage here, such as cross:NAME, late:NAME, llm:NAME, prf(3) or rm3(10)")
            stage = Stage(kind, rest)
        return replace(stage, depth=self.depth())

    def depth(self) -> int | None:
        """The number in square brackets, None where there are none."""
        if self.peek() != "[":
            return None
        self.at += 1
        number = re.compile(r"\s*([1-9][0-9]{0,5})\s*\]").match(self.text, self.at)
        if not number:
            raise self.error("expected a number of documents and ']' here, such as [50]")
        self.at = number.end()
        return int(number[1])

    def call(self, function: str) -> Call:
        """What stands in brackets, the cursor being at the opening one."""
        arguments, options = self.brackets(self.argument)
        return Call(function, tuple(arguments), options)

    def argument(self) -> Expression:
        tree = self.expression()
        if self.peek() != "*":
            return tree
        self.at += 1
        self.blank()
        number = _NUMBER.match(self.text, self.at)
        if not number:
            raise self.error("expected a weight here, such as 0.3")
        self.at = number.end()
        return Weighted(tree, number[0])

    def brackets(self, item: Callable[[], T]) -> tuple[list[T], tuple[tuple[str, str], ...]]:
        """Items, then options, in brackets, the cursor being at the opening one."""
        self.at += 1
        items: list[T] = []
        options: list[tuple[str, str]] = []
        while self.peek() != ")":
            if items or options:
                if self.peek() != ",":
                    raise self.error("expected ',' or ')' here")
                self.at += 1
                self.blank()
            option = _OPTION.match(self.text, self.at)
            if option:
                if option[1] in dict(options):
                    raise self.error(f"the option {option[1]!r} is given twice")
                self.at = option.end()
                options.append((option[1], self.word("a value")))
            elif options:
                raise self.error("options come after the models")
            else:
                items.append(item())
        self.at += 1
        return items, tuple(options)
