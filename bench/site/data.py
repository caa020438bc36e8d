"""What the pages share: a board's results by task and by system, entries, cards, and the names of the pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from bench.entry import Entry, task_folder
from bench.errors import BenchError, MissingError
from bench.leaderboard import entries
from bench.leaderboard.cards import shipped_task
from bench.leaderboard.imported import imported_models
from bench.leaderboard.imported.models import Models
from bench.leaderboard.questions import NAME as QUESTIONS
from bench.leaderboard.questions import may_be_kept, read_questions, texts_of
from bench.leaderboard.releases import entry_of, read_release, release_versions
from bench.leaderboard.standings import standings
from bench.model import Model
from bench.registry import Registry
from bench.site.names import file_names
from bench.site.traits import Traits, card_names, traits_of
from bench.task import Task

Result = dict[str, Any]
T = TypeVar("T")

NAVIGATION = (
    ("index.html", "Tasks"),
    ("systems.html", "Systems"),
    ("compare.html", "Compare"),
    ("plots.html", "Plots"),
    ("audit.html", "Audit"),
    ("releases.html", "Releases"),
    ("downloads.html", "Downloads"),
)


@dataclass(frozen=True)
class SiteData:
    """A board as its pages see it.

    `results` are all result objects of the standings, `versions` the board's releases, `release` the one that is shown
    (None: the board as it is); `cache` is where computed statistics are kept, None to keep none; `computed` holds what
    several pages need.
    """

    board: Path
    results: tuple[Result, ...]
    versions: tuple[str, ...] = ()
    release: str | None = None
    cache: Path | None = None
    computed: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, key: tuple[str, ...], compute: Callable[[], T]) -> T:
        """What `compute` gives, computed once for all pages."""
        if key not in self.computed:
            self.computed[key] = compute()
        found: T = self.computed[key]
        return found

    @cached_property
    def by_task(self) -> dict[str, list[Result]]:
        """Results by the task's name as results have it; tasks of measured results first, then by name."""
        groups: dict[str, list[Result]] = {}
        for result in self.results:
            groups.setdefault(result["task"], []).append(result)
        return {task: groups[task] for task in sorted(groups, key=lambda task: (not _measured(groups[task]), task))}

    @cached_property
    def by_system(self) -> dict[str, list[Result]]:
        """Results by `system_of`, sorted by it without regard to capitals."""
        groups: dict[str, list[Result]] = {}
        for result in self.results:
            groups.setdefault(self.system_of(result), []).append(result)
        return {system: groups[system] for system in sorted(groups, key=lambda name: (name.casefold(), name))}

    def system_of(self, result: Result) -> str:
        """The name of the system that a result is of: one name wherever a card joins the names of several sources.

        A printed name that no card knows means something in its source alone, which is therefore part of it.
        """
        if result["kind"] == "measured":
            return str(result["model"])
        if result["kind"] == "imported":
            return self._hub_names.get(result["model"], str(result["model"]))
        card = result["system"] or self._printed_names.get(result["model"])
        return str(card or f"{result['model']} ({result['origin']['source']})")

    @cached_property
    def _hub_names(self) -> dict[str, str]:
        """Names of cards by the names that mteb has for their models; of several, the one without own settings."""
        found: dict[str, str] = {}
        for name, card in sorted(self.model_cards.items(), key=lambda item: (bool(item[1].settings), item[0])):
            if card.mteb:
                found.setdefault(card.mteb, name)
        return found

    @cached_property
    def _printed_names(self) -> dict[str, str]:
        return {printed: name for name, card in self.model_cards.items() for printed in card.reported_as}

    def traits(self, result: Result) -> Traits:
        """How a result's system retrieves, its size, its licence, its training."""
        return self._traits[id(result)]

    @cached_property
    def described(self) -> Models:
        """What is known of imported models, by name and revision."""
        return imported_models(self.board)

    @cached_property
    def _traits(self) -> dict[int, Traits]:
        return {id(result): self._traits_of(result) for result in self.results}

    def _traits_of(self, result: Result) -> Traits:
        names = card_names(str(result["model"] if result["kind"] == "measured" else self.system_of(result)))
        cards = [self.model_cards[name] for name in names if name in self.model_cards]
        imported = result["kind"] == "imported"
        about = self.described.get((result["model"], result["origin"]["revision"])) if imported else None
        return traits_of(result, self.entry_of(result), cards if len(cards) == len(names) else [], about)

    @cached_property
    def model_cards(self) -> dict[str, Model]:
        """The shipped model cards by name."""
        return {row.name: row.card for row in Registry().listed("models") if isinstance(row.card, Model)}

    def task_card(self, task: str) -> Task | None:
        """The shipped card of `T` or `T@S`, None where there is none."""
        try:
            return shipped_task(task.split("@", 1)[0])
        except BenchError:
            return None

    @cached_property
    def _task_files(self) -> dict[str, str]:
        return file_names(self.by_task)

    @cached_property
    def _system_files(self) -> dict[str, str]:
        return file_names(self.by_system)

    def entry_of(self, result: Result) -> Entry | None:
        """The entry that a measured result is read from; None for other kinds, and where a release's is gone."""
        held = self._held.get((result["task"], result["identity"]))
        return held[1] if held and result["kind"] == "measured" else None

    def scores_of(self, result: Result) -> Path | None:
        """The file of a measured result's per-query scores, None where there is none."""
        held = self._held.get((result["task"], result["identity"]))
        scores = held[0].with_suffix(".parquet") if held and result["kind"] == "measured" else None
        return scores if scores and scores.is_file() else None

    def question(self, task: str, language: str, query: str) -> str | None:
        """The text of a query; None where the board has none, or the task's card lets none be shown."""
        return self.once(("questions", task), lambda: self._questions(task)).get((language, query))

    def _questions(self, task: str) -> Mapping[tuple[str, str], str]:
        path, card = self.board / task_folder(task) / QUESTIONS, self.task_card(task)
        return texts_of(read_questions(path)) if card and may_be_kept(card) and path.is_file() else {}

    @cached_property
    def _held(self) -> dict[tuple[str, str], tuple[Path, Entry]]:
        """Entries with their files by task and identity."""
        if self.release is None:
            found = entries(self.board)
        else:
            found = []
            for row in read_release(self.board, self.release).entries:
                try:
                    found.append(entry_of(self.board, row))
                except MissingError:
                    continue
        return {(entry.identity["task"], entry.hex): (path, entry) for path, entry in found}

    @property
    def navigation(self) -> tuple[tuple[str, str], ...]:
        """The pages that every page links to: path and name."""
        return NAVIGATION

    def task_stem(self, task: str) -> str:
        """The name of a task's files, without folder and suffix."""
        return self._task_files[task]

    def system_stem(self, system: str) -> str:
        """The name of a system's files, without folder and suffix."""
        return self._system_files[system]

    @property
    def folder(self) -> str:
        """Where the pages of a release lie, with a slash; empty for the board as it is."""
        return self.release_folder(self.release) if self.release is not None else ""

    def release_folder(self, version: str) -> str:
        """Where the pages of one of the board's releases lie."""
        return f"release/{file_names(self.versions)[version]}/"

    def task_page(self, task: str) -> str:
        """The path of a task's page."""
        return f"{self.folder}task/{self.task_stem(task)}.html"

    def system_page(self, system: str) -> str:
        """The path of a system's page."""
        return f"{self.folder}system/{self.system_stem(system)}.html"


def _measured(results: Sequence[Result]) -> bool:
    return any(result["kind"] == "measured" for result in results)


def site_data(board: Path, release: str | None = None, cache: Path | None = None) -> SiteData:
    """The data of a board, or of a release of it; MissingError and InputError as the board's files give them."""
    results = tuple(standings(board, release=release))
    return SiteData(board, results, tuple(release_versions(board)), release, cache)
