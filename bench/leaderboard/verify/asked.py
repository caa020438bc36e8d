"""What can be wrong with the questions' texts beside the entries of a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bench.entry import Entry
from bench.errors import MissingError
from bench.leaderboard.questions import may_be_kept, read_questions
from bench.leaderboard.verify.carded import Known
from bench.leaderboard.verify.faults import Finding
from bench.leaderboard.verify.tree import short
from bench.perquery import Row

_CHECK = "questions"


@dataclass
class Asked:
    """What the entries of one folder have been asked: language and query of their scores, and the tasks they name."""

    tasks: set[str] = field(default_factory=set)
    scored: set[tuple[str, str]] = field(default_factory=set)
    whole: bool = True

    def add(self, entry: Entry | None, rows: Sequence[Row]) -> None:
        """Add an entry; without its scores, not all that was asked is known."""
        if entry is not None:
            self.tasks.add(entry.identity["task"])
        self.scored.update((row.language, row.query) for row in rows)
        self.whole = self.whole and bool(rows)


def question_findings(path: Path, asked: Asked, known: Known | None) -> Iterator[Finding]:
    """All that is wrong with a file of questions, seen beside the entries of its folder and the cards."""
    for task in sorted(asked.tasks):
        card = known.task(task) if known else None
        if card is not None and not may_be_kept(card):
            yield _CHECK, f"the card of {card.name} does not say that texts may be shown"
    try:
        rows = read_questions(path)
    except MissingError as error:
        yield _CHECK, str(error).removeprefix(f"{path}: ")
        return
    if not rows:
        yield _CHECK, "there are none"
    if any(value is None or not value.strip() for row in rows for value in row):
        yield _CHECK, "there are empty cells"
        return
    if rows != sorted(rows):
        yield _CHECK, "the rows are not sorted by language and query"
    keys = [(row.language, row.query) for row in rows]
    twice = [key for key, other in pairwise(sorted(keys)) if key == other]
    if twice:
        yield _CHECK, f"{twice[0][0]}: the query {short(twice[0][1])} stands there twice"
    unknown = [key for key in keys if asked.whole and key not in asked.scored]
    if unknown:
        language, query = unknown[0]
        yield _CHECK, f"{len(unknown)} queries that no entry of the task has, the first {short(query)} of {language}"
