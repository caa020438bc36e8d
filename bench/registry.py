"""The registry: every card by its name, the shipped ones and the user's own (`--cards`). Listing executes nothing."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench.cardfile import card_fields, card_names
from bench.cards import parse_card
from bench.errors import BenchError, InputError, unknown
from bench.model import Model
from bench.places import shipped
from bench.task import Task

Kind = Literal["tasks", "models"]


class Listed(NamedTuple):
    """A card in a listing: `own` if it is the user's; one that cannot be read stands as its error."""

    name: str
    own: bool
    card: Task | Model | BenchError


class Registry:
    """Cards by name. A name of the user's own that is a shipped one is an error: nothing is shadowed."""

    def __init__(self, cards: Path | None = None) -> None:
        if cards is not None and not cards.is_dir():
            raise InputError(f"--cards {cards}: no such folder; it holds tasks/*.yaml and models/*.yaml")
        self._cards = cards

    @cached_property
    def _tasks(self) -> dict[str, Path]:
        return self._names("tasks")

    @cached_property
    def _models(self) -> dict[str, Path]:
        return self._names("models")

    def _names(self, kind: Kind) -> dict[str, Path]:
        names, own = _cards_in(shipped(kind)), self._own(kind)
        for name in own:
            if name in names:
                raise _shadowing(name, own[name])
        return names | own

    def _own(self, kind: Kind) -> dict[str, Path]:
        return _cards_in(self._cards / kind) if self._cards else {}

    def listed(self, kind: Kind) -> list[Listed]:
        """All cards by name, the user's own after the shipped ones; a fault in one hides no other."""
        names, own = _cards_in(shipped(kind)), self._own(kind)
        ours = [Listed(name, False, _read(kind, name, path)) for name, path in names.items()]
        theirs = [
            Listed(name, True, _shadowing(name, path) if name in names else _read(kind, name, path))
            for name, path in own.items()
        ]
        return ours + theirs

    def is_own(self, kind: Kind, name: str) -> bool:
        """Whether a name is that of a card of the user's own."""
        return name in self._own(kind)

    def own_file(self, kind: Kind, name: str) -> Path | None:
        """The file of a card of the user's own, None where it is shipped or none."""
        return self._own(kind).get(name)

    def task_names(self) -> list[str]:
        """The names of all task cards, sorted."""
        return sorted(self._tasks)

    def model_names(self) -> list[str]:
        """The names of all model cards, sorted."""
        return sorted(self._models)

    def task(self, name: str) -> Task:
        """The task of that name, `path:DIR` and `mteb:NAME` too; InputError with the nearest names if there is none."""
        if name.startswith("path:"):
            from bench.loaders.path import folder_task

            return folder_task(Path(name.removeprefix("path:")))
        if name.startswith("mteb:"):
            from bench.loaders.mteb.card import task_card

            return task_card(name.removeprefix("mteb:"))
        if name not in self._tasks:
            card, _, split = name.partition("@")
            if split and card in self._tasks:
                raise InputError(f"unknown task {name!r}: give the split by itself: {card} --split {split}")
            raise unknown("task", name, self._tasks, "bench tasks list")
        return parse_card(Task, *_located(name, self._tasks[name]))

    def model(self, name: str) -> Model:
        """The model card of that name; InputError with the nearest names where there is none."""
        if name not in self._models:
            raise unknown("model", name, self._models, "bench models list")
        return parse_card(Model, *_located(name, self._models[name]))


def _cards_in(folder: Path) -> dict[str, Path]:
    """The file of each card by the card's name, sorted; a name of two files stands for the first of them."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem):
        for name in card_names(path):
            found.setdefault(name, path)
    return {name: found[name] for name in sorted(found)}


def _shadowing(name: str, path: Path) -> InputError:
    return InputError(f"{path}: {name!r} is the name of a shipped card: give yours another name")


def _read(kind: Kind, name: str, path: Path) -> Task | Model | BenchError:
    try:
        card = _located(name, path)
        return parse_card(Task, *card) if kind == "tasks" else parse_card(Model, *card)
    except BenchError as error:
        return error


def _located(name: str, path: Path) -> tuple[dict[str, Any], str]:
    """A card's content and the name that errors call its place by: short for shipped cards."""
    ours = (kind for kind in ("tasks", "models") if path.parent == shipped(kind))
    return card_fields(path, name, next((f"{kind}/{path.name}" for kind in ours), str(path)))
