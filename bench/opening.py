"""A plan's data, opened: looked at before the first batch and refused where they are not those of the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.census import Difference, census_differences, file_differences
from bench.checksums import Checksums
from bench.collection import Source
from bench.engine import LOCAL, Engine
from bench.errors import MissingError
from bench.loaders import open_source
from bench.plan import Plan
from bench.questions import Questions, read_questions
from bench.store import VectorStore
from bench.system import Setting
from bench.watch import Watch


def open_all(plan: Plan, notes: list[str]) -> dict[str, Source]:
    """The sources of all languages: presence, checksums, and whether the questions are the card's, are looked at.

    A language whose files are missing under --offline is left out, with a note; MissingError if none is left.
    """
    sources: dict[str, Source] = {}
    faults: dict[str, str] = {}
    for subset in plan.languages:
        try:
            sources[subset] = open_source(plan.task, subset, plan.split, plan.places)
        except MissingError as error:
            if not plan.places.offline:
                raise
            faults[subset] = str(error)
            continue
        refuse([d for d in differing_files(plan, subset, sources[subset]) if d.hard], plan, subset)
        if sources[subset].files:  # Other sources may load a whole collection to answer.
            questions_of(plan, subset, sources[subset])
    if not sources:
        raise MissingError(_none_there(plan, faults))
    notes += [f"missing: {fault}" for fault in faults.values()]
    return sources


def _none_there(plan: Plan, faults: Mapping[str, str]) -> str:
    """What is said where no language is there: the first in full, the others by name."""
    first, *others = faults
    also = f"\nthe same holds for {', '.join(others)} (bench tasks fetch {plan.task.name})" if others else ""
    return f"{faults[first]}{also}"


def differing_files(plan: Plan, subset: str, source: Source) -> list[Difference]:
    """What differs before anything is read; digests of large files are remembered in the cache."""
    return file_differences(plan.task, subset, source, plan.split, Checksums(plan.places.cache / "checksums.json"))


def questions_of(plan: Plan, subset: str, source: Source) -> Questions:
    """The questions of a subset, refused where they are not those that the card counts."""
    questions = read_questions(f"{plan.task.name}, {subset}", source)
    differences = census_differences(plan.task, subset, questions.counts, plan.split)
    refuse([difference for difference in differences if difference.hard], plan, subset)
    return questions


def refuse(differences: Sequence[Difference], plan: Plan, subset: str) -> None:
    """MissingError with all of the differences, unless the user has allowed them."""
    if differences and not plan.allow_unpinned:
        lines = "\n".join(f"  {difference}" for difference in differences)
        raise MissingError(
            f"{plan.task.name}, {subset}: the data differ from the card's pins:\n{lines}\n"
            "get the data again, or go on without a leaderboard entry with --allow-unpinned"
        )


def expected(plan: Plan, subset: str) -> int | None:
    """The documents that the card makes expect, for a sample about as many as that has; None where it does not say."""
    documents = plan.task.languages[subset].documents
    return documents if documents is None or plan.limit_docs is None else min(documents, plan.limit_docs)


def setting_of(plan: Plan, subset: str, folder: Path, watch: Watch, engine: Engine = LOCAL) -> Setting:
    """Where the plan's retriever works on a language; `folder` is the work folder, whose vectors go with it."""
    return Setting(
        VectorStore(plan.places.cache / "vectors", watch.say, seed=plan.seed),
        VectorStore(folder / "vectors", seed=plan.seed),
        watch,
        plan.task.query_language(subset),
        plan.shard_size,
        plan.memory,
        engine,
    )
