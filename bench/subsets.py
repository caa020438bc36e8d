"""Which languages and which split of a task were asked for."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import unknown
from bench.task import Task


def chosen_languages(task: Task, wanted: Sequence[str] | None, split: str | None = None) -> tuple[str, ...]:
    """The subsets that were asked for, in the card's order; a source's own code is understood.

    None means all that have the split. InputError lists those that the task, or its split, has.
    """
    there = task.subsets_of(chosen_split(task, split))
    if not wanted:
        return there
    own_codes = {row.source_code: code for code, row in task.languages.items() if row.source_code}
    codes = [own_codes.get(code, code) for code in wanted]
    for code in codes:
        if code not in there:
            name = task.named(split or task.split)
            raise unknown("language", code, there, f"{name} has {', '.join(there)}")
    return tuple(code for code in there if code in codes)


def chosen_split(task: Task, split: str | None) -> str:
    """The split that was asked for; None means the card's default."""
    if split is not None and split not in task.all_splits:
        raise unknown("split", split, task.all_splits, f"{task.name} has {', '.join(task.all_splits)}")
    return split or task.split
