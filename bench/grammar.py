"""The grammar of model expressions: `NAME`, `kind:REST`, `sum(a*0.3, b*0.7)`, `a >> cross:X[50] >> prf(3)`, nested.

    expression := term (">>" stage)*
    term       := (NAME | kind:REST) ["[" vectors "]"] | function(argument, .., option=value, ..)
    argument   := expression ["*" weight]
    stage      := kind:REST ["[" depth "]"] | function(value, .., option=value, ..) ["[" depth "]"]

`m + prf(3)` is `m >> prf(3)`; quotes take any characters into a word. A mistake is shown with a caret under its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from bench.caret import pointed
from bench.errors import InputError
from bench.expression import WORD, Call, Expression, Kind, Name, Stage, Staged, Stored, Weighted

T = TypeVar("T")
_OPTION = re.compile(r"([a-z_]+)\s*=")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+")
_DEPTH = re.compile(r"\s*([1-9][0-9]{0,5})\s*\]")
_VECTORS = re.compile(r"\[\s*([a-z][a-z0-9=, ]*)\]")


def parse_expression(text: str) -> Expression:
    """The expression that `text` spells; InputError shows the place of a mistake."""
    return parsed(text).tree


@dataclass(frozen=True)
class Parsed:
    """An expression and the text that spells it; `starts` are the places of its terms and stages."""

    text: str
    tree: Expression
    starts: tuple[tuple[Expression | Stage, int], ...]

    def shown(self, message: str, part: Expression) -> str:
        """The message with a caret under a part; as it is where the part is all there is, or is not of this tree."""
        head = part.stage if isinstance(part, Staged) else part.expression if isinstance(part, Weighted) else part
        at = next((at for own, at in self.starts if own is head), None)
        return message if at is None or len(self.starts) == 1 else pointed(message, self.text, at)


def parsed(text: str) -> Parsed:
    """The same with the places of its parts."""
    parser = _Parser(text)
    tree = parser.expression()
    parser.blank()
    if parser.at < len(text):
        raise parser.error("expected the end here")
    return Parsed(text, tree, tuple(parser.starts))


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


class _Parser:
    """A cursor over the text; every method consumes what it recognises."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts: list[tuple[Expression | Stage, int]] = []

    def error(self, message: str) -> InputError:
        return InputError(pointed(f"model expression: {message}", self.text, self.at))

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
        match = WORD.match(self.text, self.at)
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
        self.blank()
        start, tree = self.at, self.unplaced_term()
        self.starts.append((tree, start))
        return tree

    def unplaced_term(self) -> Expression:
        quoted, start = self.peek() == "'", self.at
        word = self.word()
        if self.peek() == "(" and not quoted:
            function, plus, _ = word.rpartition("+")
            if not plus:
                return self.call(word)
            # `m+prf(3)` without blanks: the name ends before the last plus.
            word, self.at = function, start + len(function)
        kind, colon, rest = word.partition(":")
        return self.stored(Kind(kind, rest) if colon else Name(word))

    def stored(self, model: Name | Kind) -> Expression:
        """The model with what stands in square brackets after it, if that begins with a letter; numbers are depths."""
        vectors = _VECTORS.match(self.text, self.at) if self.peek() == "[" else None
        if not vectors:
            return model
        self.at = vectors.end()
        return Stored(model, ",".join(part.strip() for part in vectors[1].split(",")))

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
        stage = replace(stage, depth=self.depth())
        self.starts.append((stage, start))
        return stage

    def depth(self) -> int | None:
        """The number in square brackets, None where there are none."""
        if self.peek() != "[":
            return None
        self.at += 1
        number = _DEPTH.match(self.text, self.at)
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
