"""Contamination: whether a model was trained on the data of a task, as far as anyone says, and through which set.

declared    its makers, or mteb's registry, name the data set or a relative of it (bench.relatives)
inherited   they name it of a model that it was made from
no          what is said of its training names neither
unknown     nothing is said of its training, or of the task's data: never taken for clean
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bench.relatives import Relative, family_of, same_set

State = Literal["declared", "inherited", "unknown", "no"]
STATES: tuple[State, ...] = ("declared", "inherited", "unknown", "no")
"""What a system made of several models takes from them: the first of these that one of them has."""

Sets = Mapping[str, Sequence[str]]
"""Data set -> splits of it, none where they are not said."""


class Statement(NamedTuple):
    """What a source says a model was trained on; `open_ended` are models it was made from of which nothing is known."""

    source: str
    declared: Sets
    inherited: Sets
    open_ended: tuple[str, ...] = ()


class Hit(NamedTuple):
    """A data set of a statement that is a relative of the task."""

    name: str
    splits: tuple[str, ...]
    relative: Relative
    source: str

    @property
    def languages(self) -> tuple[str, ...] | None:
        """The languages of the task that it concerns, None for all; other splits than train have what train lacks."""
        return None if set(self.splits) - {"train"} else self.relative.languages


def contamination(task: str, statements: Sequence[Statement]) -> dict[str, Any]:
    """What the statements about one model say of one task: `state`, `through` which data set, and the `source`.

    Beside these `how` the set is related and the `reason`, its `splits`, the task's `languages` that it concerns (null
    for all) and `also`, further relatives that are named.
    """
    if family_of(task) is None:
        return nothing_known(f"nothing is known of the data of {task}")
    if not statements:
        return nothing_known("nothing is said of its training data")
    for state in STATES[:2]:
        hits = list(_hits(task, statements, inherited=state == "inherited"))
        if hits:
            return _found(state, hits)
    source = "; ".join(statement.source for statement in statements)
    left_open = dict.fromkeys(name for statement in statements for name in statement.open_ended)
    if left_open:
        return nothing_known(f"{source}; nothing is said of {', '.join(left_open)}, from which it was made")
    return _state("no", source)


def nothing_known(why: str) -> dict[str, Any]:
    """The state `unknown`, with the reason in place of a source."""
    return _state("unknown", why)


def joined(parts: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """What goes for a system of several models, given by name: the first of STATES that one of them has."""
    if len(parts) == 1:
        return parts[0][1]
    worst = min((row for _, row in parts), key=lambda row: STATES.index(row["state"]))
    names = ", ".join(name for name, row in parts if row["state"] == worst["state"])
    return worst | {"source": f"{names}: {worst['source']}"}


def _hits(task: str, statements: Sequence[Statement], *, inherited: bool) -> Iterator[Hit]:
    """The relatives of a task that are named, the closest first."""
    family = family_of(task)
    for relative in family.relatives if family else ():
        for statement in statements:
            sets = statement.inherited if inherited else statement.declared
            for name, splits in sets.items():
                if any(same_set(name, known) for known in relative.names):
                    yield Hit(name, tuple(splits), relative, statement.source)


def _found(state: State, hits: Sequence[Hit]) -> dict[str, Any]:
    first = hits[0]
    everywhere = any(hit.languages is None for hit in hits)
    languages = None if everywhere else list(dict.fromkeys(code for hit in hits for code in hit.languages or ()))
    return _state(state, first.source) | {
        "through": first.name,
        "how": first.relative.how,
        "reason": first.relative.reason,
        "splits": list(first.splits),
        "languages": languages,
        "also": [name for name in dict.fromkeys(hit.name for hit in hits) if name != first.name],
    }


def _state(state: State, source: str) -> dict[str, Any]:
    absent: dict[str, Any] = {"through": None, "how": None, "reason": None, "splits": [], "languages": None, "also": []}
    return {"state": state, "source": source} | absent
