"""Model expressions: `NAME`, `kind:REST`, `rrf(a, b, k=60)`, nested; printed as they are typed.

The printed form (one blank after commas, defaults as typed) is canonical: it is the name of a system in results.
A mistake is shown with a caret under its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bench.errors import InputError


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


Expression = Name | Kind | Call

_PLAIN = re.compile(r"[^\s,()\[\]'*=>]+")
_OPTION = re.compile(r"([a-z_]+)\s*=")


def parse_expression(text: str) -> Expression:
    """The expression that `text` spells; InputError shows the place of a mistake."""
    parser = _Parser(text)
    tree = parser.expression()
    parser.blank()
    if parser.at < len(text):
        raise parser.error("expected the end here")
    return tree


def leaves(tree: Expression) -> Iterator[Name | Kind]:
    """The models of an expression, left to right."""
    if isinstance(tree, Call):
        for argument in tree.arguments:
            yield from leaves(argument)
    else:
        yield tree


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
        quoted = self.peek() == "'"
        word = self.word()
        if self.peek() == "(" and not quoted:
            return self.call(word)
        kind, colon, rest = word.partition(":")
        return Kind(kind, rest) if colon else Name(word)

    def call(self, function: str) -> Call:
        """What stands in brackets, the cursor being at the opening one."""
        self.at += 1
        arguments: list[Expression] = []
        options: list[tuple[str, str]] = []
        while self.peek() != ")":
            if arguments or options:
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
                arguments.append(self.expression())
        self.at += 1
        return Call(function, tuple(arguments), tuple(options))
