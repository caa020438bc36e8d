"""What an entry has otherwise than the cards say: splits, subsets, depth, pins, and the flags that are expected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from bench.collection import Qrels
from bench.entry import Block, Entry
from bench.expected import expected_checks
from bench.leaderboard.verify.faults import Finding
from bench.leaderboard.verify.tree import short
from bench.measure import Measure
from bench.model import Model
from bench.task import Task


class Known(Protocol):
    """What entries are compared with where it is to be had: cards of tasks, and judgments."""

    @property
    def judged(self) -> bool:
        """Whether judgments are looked for at all."""
        ...

    def task(self, name: str) -> Task | None:
        """The card of a task, as results name it (`T` or `T@S`)."""
        ...

    def models(self, name: str) -> tuple[Model, ...] | None:
        """The cards of a system's models; None where one of them is not known."""
        ...

    def qrels(self, task: Task, split: str, subset: str) -> Qrels | None:
        """The judgments of a subset."""
        ...


def card_findings(entry: Entry, known: Known | None) -> Iterator[Finding]:
    """What an entry has otherwise than the cards of its task and of its models; nothing where they are not known."""
    card = known.task(entry.identity["task"]) if known else None
    if known is None or card is None:
        return
    split = entry.identity["split"]
    if split not in card.all_splits or entry.identity["task"] != card.named(split):
        yield "card", f"the split {split!r} of {entry.identity['task']!r} is not one of {card.name}'s"
        return
    if entry.subsets != card.subsets_of(split):
        yield "card", f"subsets: the card has {', '.join(card.subsets_of(split))}, found {', '.join(entry.subsets)}"
        return
    models = known.models(entry.identity["model"])
    for subset, block in entry.languages.items():
        if subset in entry.subsets:  # Else that is a fault of its own.
            yield from _block_findings(card, models, entry, subset, block)


def _block_findings(
    card: Task, models: tuple[Model, ...] | None, entry: Entry, subset: str, block: Block
) -> Iterator[Finding]:
    recipe = block["recipe"]
    if models and recipe["expected_flags"] != (right := expected_checks(card, models, subset)):
        text = f"the cards of the models expect {', '.join(right) or 'none'}"
        yield "flag", f"{subset}: recipe.expected_flags: {text}, found {short(recipe['expected_flags'])}"
    uncut = [m for m in entry.measures if block.get(m) is not None and Measure.parse(m).depth is None]
    if card.ranked and uncut and recipe["k"] < card.depth:
        yield "not for boards", f"{subset}: k = {recipe['k']}: {uncut[0]} looks at the whole pool"
    row = card.pinned(subset, entry.identity["split"])
    for pin, note in card.pins.items():
        if pin in ("documents", "queries", "fingerprint") and note.strength == "hard":
            expected = getattr(row, pin)
            if expected is not None and block[pin] not in (expected, None):
                yield "card", f"{subset}: {pin}: the card says {expected}, found {block[pin]}"
