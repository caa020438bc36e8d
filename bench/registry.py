"""The registry: every card by its name, the shipped ones and the user's own (`--cards`). Listing executes nothing."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from bench.cards import parse_card, read_yaml
from bench.errors import InputError, MissingError, unknown
from bench.model import Model
from bench.task import Task


def shipped(kind: str) -> Path:
    """The folder of shipped cards (`tasks` or `models`): inside the installed package, or of the source checkout."""
    package = Path(__file__).parent
    installed = package / "shipped" / kind
    return installed if installed.is_dir() else package.parent / kind


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

    def _names(self, kind: str) -> dict[str, Path]:
        names = {path.stem: path for path in sorted(shipped(kind).glob("*.yaml"))}
        own = sorted((self._cards / kind).glob("*.yaml")) if self._cards else []
        for path in own:
            if path.stem in names:
                raise InputError(f"{path}: {path.stem!r} is the name of a shipped card: give yours another name")
        return names | {path.stem: path for path in own}

    def task_names(self) -> list[str]:
        """The names of all task cards, sorted."""
        return sorted(self._tasks)

    def model_names(self) -> list[str]:
        """The names of all model cards, sorted."""
        return sorted(self._models)

    def task(self, name: str) -> Task:
        """The task of that name, `path:DIR` included; InputError with the nearest names where there is none."""
        if name.startswith("path:"):
            from bench.loaders.beir import folder_task

            return folder_task(Path(name.removeprefix("path:")))
        if name not in self._tasks:
            raise unknown("task", name, self._tasks, "bench tasks list")
        return parse_card(Task, *_located(self._tasks[name]))

    def model(self, name: str) -> Model:
        """The model card of that name; InputError with the nearest names where there is none."""
        if name not in self._models:
            raise unknown("model", name, self._models, "bench models list")
        return parse_card(Model, *_located(self._models[name]))


def _located(path: Path) -> tuple[dict[str, Any], str]:
    """A card's content and the name that errors call its file by: short for shipped cards."""
    where = path
    for kind in ("tasks", "models"):
        if path.parent == shipped(kind):
            where = Path(kind) / path.name
    if not path.exists():
        raise MissingError(f"{where}: the card has disappeared")
    value = read_yaml(path)
    if value.get("name", path.stem) != path.stem:
        raise InputError(f"{where}: name: expected {path.stem!r}, the name of the file, found {value['name']!r}")
    return value, str(where)
