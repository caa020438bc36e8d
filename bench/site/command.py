"""The command that measures an entry again, built from its fields: each is checked, and quoted for a shell.

Nothing that is stored as text is shown as a command. Where a field is not what a run writes, there is none.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.entry import Block, Entry
from bench.errors import BenchError
from bench.expression import Stored
from bench.files import canonical_json
from bench.grammar import parse_expression
from bench.measure import Measure
from bench.model import Model
from bench.store import SHARD_SIZE
from bench.task import Task

_TASK = re.compile(r"[a-z0-9._-]+|mteb:[A-Za-z0-9._-]+")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_FACTORY = re.compile(r"[A-Za-z0-9_,.()]+(\?[A-Za-z0-9_=.,]+)?")
_OPTIONS = {"limit_docs", "drop_self", "allow_unpinned", "shard_size"}
_DTYPES = ("float32", "bfloat16", "float16")


class Command(NamedTuple):
    """A command for some languages of an entry; `note` is what a reader has to bring."""

    text: str
    languages: tuple[str, ...]
    note: str | None


class Commands(NamedTuple):
    """The commands of an entry; `reason` says why there are none."""

    commands: tuple[Command, ...]
    reason: str | None


class _Unfit(Exception):
    """A field that no run writes, or that no command can bring back."""


def commands_of(entry: Entry, task: Task | None, cards: Mapping[str, Model]) -> Commands:
    """The commands that measure an entry again: one, or one for each way in which its languages were measured.

    `task` is the shipped card of its task, `cards` are those of models.
    """
    try:
        groups: dict[bytes, list[str]] = {}
        for code, block in entry.languages.items():
            groups.setdefault(canonical_json(_way(entry, block)), []).append(code)
        return Commands(tuple(_command(entry, codes, task, cards) for codes in groups.values()), None)
    except _Unfit as error:
        return Commands((), str(error))


def _way(entry: Entry, block: Block) -> list[Any]:
    """How a language was measured, as far as the command line says it."""
    recipe = block["recipe"]
    return [recipe.get(key) for key in ("k", "seed", "options")] + [[m for m in entry.measures if m in block]]


def _command(entry: Entry, codes: Sequence[str], task: Task | None, cards: Mapping[str, Model]) -> Command:
    blocks = [entry.languages[code] for code in codes]
    recipe = blocks[0]["recipe"]
    notes: list[str] = []
    words = ["bench", "run", "--model", _model(entry, cards, notes), *_task(entry)]
    if len(codes) < len(entry.subsets):
        words += ["--lang", ",".join(_matching(_WORD, code, "language") for code in codes)]
    words += _measures(entry, blocks[0], task)
    words += ["--k", str(_count(recipe.get("k"), "k"))]
    words += _index(entry)
    words += _options(recipe)
    words += _weights(entry, blocks, cards, notes)
    words += _encoders(entry, blocks, cards)
    return Command(shlex.join(map(_printable, words)), tuple(codes), "; ".join(notes) or None)


def _model(entry: Entry, cards: Mapping[str, Model], notes: list[str]) -> str:
    """The model, which must read as the expression that it was."""
    name = entry.identity["model"]
    if not isinstance(name, str) or "run" in (entry.identity.get("system") or {}):
        raise _Unfit("a run of another system: how it was made is not known")
    try:
        tree = parse_expression(_printable(name))
    except BenchError as error:
        raise _Unfit("its model is no expression") from error
    if str(tree) != name:
        raise _Unfit("its model is not spelled as a run writes it")
    if "path:" in name:
        notes.append("path: stands for a folder of that name")
    if "python:" in name:
        notes.append("the code is its author's")
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) and name not in cards:
        notes.append("the card is the author's own (--cards)")
    return name


def _task(entry: Entry) -> list[str]:
    name, at, split = str(entry.identity["task"]).partition("@")
    if name.startswith("path:"):
        raise _Unfit("its task is a folder that only its author has")
    words = ["--task", _matching(_TASK, name, "task")]
    return [*words, "--split", _matching(_WORD, split, "split")] if at else words


def _measures(entry: Entry, block: Block, task: Task | None) -> list[str]:
    """The measures, where they are not the card's."""
    names = [measure for measure in entry.measures if measure in block]
    for name in names:
        try:
            known = str(Measure.parse(name)) == name
        except BenchError:
            known = False
        if not known:
            raise _Unfit("a measure is none that bench knows")
    if task is not None and names == list(task.measures):
        return []
    return ["--measures", ",".join(names)]


def _index(entry: Entry) -> list[str]:
    """`--index`, where search was not exact."""
    index = entry.identity.get("index")
    return [] if index == "exact" else ["--index", _matching(_FACTORY, index, "index")]


def _own_card(entry: Entry, cards: Mapping[str, Model]) -> Model | None:
    """The card of an entry's model, however its vectors are stored."""
    tree = parse_expression(_printable(str(entry.identity["model"])))
    return cards.get(str(tree.model if isinstance(tree, Stored) else tree))


def _options(recipe: Mapping[str, Any]) -> Iterator[str]:
    options = recipe.get("options")
    if not isinstance(options, Mapping) or set(options) - _OPTIONS:
        raise _Unfit("it was made with options that are not known here")
    if recipe.get("seed"):
        yield from ("--seed", str(_whole(recipe["seed"], "seed")))
    if options.get("limit_docs"):
        yield from ("--limit-docs", str(_count(options["limit_docs"], "limit_docs")))
    if options.get("shard_size") not in (None, SHARD_SIZE):
        yield from ("--shard-size", str(_count(options["shard_size"], "shard_size")))
    for key, option in (("drop_self", "--drop-self"), ("allow_unpinned", "--allow-unpinned")):
        if options.get(key) not in (None, False, True):
            raise _Unfit(f"its option {key} is neither on nor off")
        if options.get(key):
            yield option


def _weights(entry: Entry, blocks: Sequence[Block], cards: Mapping[str, Model], notes: list[str]) -> list[str]:
    """`--weights` with the folders' names, where the weights were the author's own folders."""
    card = _own_card(entry, cards)
    if card is None or (card.weights and (card.weights.hub or card.weights.package)):
        return []
    given = blocks[0]["recipe"].get("weights") or []
    folders = [weights for weights in given if isinstance(weights, Mapping) and "sha256" in weights]
    if not folders:
        return []
    names = [_matching(_WORD, weights.get("name"), "weights") for weights in folders]
    digests = [_matching(re.compile("[0-9a-f]{64}"), weights["sha256"], "digest") for weights in folders]
    notes.append(f"the weights are folders of these names with sha256 {', '.join(text[:12] for text in digests)}")
    return ["--weights", ",".join(names)]


def _encoders(entry: Entry, blocks: Sequence[Block], cards: Mapping[str, Model]) -> Iterator[str]:
    """The dtype, where it is not the card's own, and the trust in a model's code."""
    sides = [
        side["recipe"]
        for block in blocks
        for encoder in block["recipe"].get("encoders") or ()
        for side in encoder.values()
    ]
    dtypes = {recipe["dtype"] for recipe in sides if recipe.get("dtype")}
    if len(dtypes) > 1:
        raise _Unfit("its encoders ran in several dtypes")
    card = _own_card(entry, cards)
    for dtype in dtypes:
        if dtype not in _DTYPES:
            raise _Unfit("its dtype is none that bench knows")
        if dtype != (card.dtypes[0] if card else "float32"):
            yield from ("--dtype", dtype)
    if any(recipe.get("remote_code") for recipe in sides):
        yield "--trust-remote-code"


def _matching(pattern: re.Pattern[str], value: object, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _Unfit(f"its {what} is not spelled as a run writes it")
    return value


def _whole(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Unfit(f"its {what} is no whole number")
    return value


def _count(value: object, what: str) -> int:
    number = _whole(value, what)
    if number < 1:
        raise _Unfit(f"its {what} is not above 0")
    return number


def _printable(text: str) -> str:
    """The text, if all of it can be seen: no controls, no formats such as bidirectional overrides, no surrogates."""
    kinds = {unicodedata.category(char) for char in text}
    if len(text) > 2000 or any(kind[0] == "C" or kind in ("Zl", "Zp") for kind in kinds):
        raise _Unfit("it holds characters that a terminal would obey")
    return text
