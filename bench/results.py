"""What runs left of one system on one task: folders with runs, per-query scores and the entry; no model is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from bench.endpoint import stored as stored_endpoint
from bench.entry import Entry, slug, task_folder
from bench.errors import MissingError
from bench.expression import Call, Expression, Kind, Stage, Staged, Stored, Weighted
from bench.formats.trec import read_run
from bench.grammar import parse_expression
from bench.inspection import Values
from bench.leaderboard import read_entry
from bench.perquery import read_rows
from bench.ranking import Run


@dataclass(frozen=True)
class Result:
    """A folder that a run wrote; `entry` is None where the split has no public judgments: there are runs alone then."""

    folder: Path
    entry: Entry | None

    @property
    def id(self) -> str:
        """The hex of the identity; empty for a bare card's without an entry."""
        return self.entry.hex if self.entry else self.folder.name.partition("--")[2].lstrip("-")

    @property
    def bare(self) -> bool:
        """Whether it is of a card with the card's own settings."""
        return self.entry.bare if self.entry else not self.id

    def has(self, subset: str) -> bool:
        """Whether the language was run."""
        return self._run(subset).is_file()

    def run(self, subset: str) -> Run:
        """The language's run."""
        return read_run(self._run(subset), decode=True)

    def values(self, subset: str) -> Values:
        """The language's per-query values, measures in the entry's order, the main one first; empty without an entry.

        MissingError where the run is there and its scores are not.
        """
        if self.entry is None:
            return {}
        table: Values = {}
        rows = [row for row in read_rows(self.folder / "scores.parquet") if row.language == subset and not row.slice]
        if not rows or subset not in self.entry.languages:
            raise MissingError(f"{self.folder}: the run of {subset} is there without its scores; run it again")
        order = {measure: i for i, measure in enumerate(self.entry.measures)}
        for row in sorted(rows, key=lambda row: (order.get(row.measure, len(order)), row.measure)):
            table.setdefault(row.query, {})[row.measure] = row.value
        return table

    def _run(self, subset: str) -> Path:
        return self.folder / f"{subset}.trec.gz"


def find_results(output: Path, task: str, model: str) -> list[Result]:
    """All results of a model, as it is typed, on a task, as results name it; the card's own settings first."""
    name = stored_name(model)
    own = re.compile(rf"{re.escape(slug(name))}(--[0-9a-f]{{8}})?")
    folders = [
        path for path in sorted((output / task_folder(task)).glob("*")) if own.fullmatch(path.name) and path.is_dir()
    ]
    entries = [path / "entry.json" for path in folders]
    results = [Result(path.parent, read_entry(path) if path.exists() else None) for path in entries]
    # Two names may have one slug; the entry holds the name itself.
    mine = [result for result in results if result.entry is None or result.entry.identity["model"] == name]
    return sorted(mine, key=lambda result: not result.bare)


def stored_name(model: str) -> str:
    """The name under which results are stored: the canonical expression, folders by their last name alone."""
    return str(_stored(parse_expression(model)))


def _stored(tree: Expression) -> Expression:
    if isinstance(tree, Call):
        options = tuple((name, stored_endpoint(value) if name == "llm" else value) for name, value in tree.options)
        return Call(tree.function, tuple(_stored(argument) for argument in tree.arguments), options)
    if isinstance(tree, Weighted):
        return Weighted(_stored(tree.expression), tree.weight)
    if isinstance(tree, Staged):
        return Staged(_stored(tree.first), _stored_stage(tree.stage))
    if isinstance(tree, Stored):
        return replace(tree, model=_stored(tree.model))  # type: ignore[arg-type]
    if isinstance(tree, Kind) and tree.kind == "path":
        return Kind("path", Path(tree.rest).expanduser().resolve().name)
    if isinstance(tree, Kind) and tree.kind == "openai":
        return Kind("openai", stored_endpoint(tree.rest))
    return tree


def _stored_stage(stage: Stage) -> Stage:
    rest = stage.rest or ""
    if stage.name == "llm":
        return replace(stage, rest=stored_endpoint(rest))
    folder = rest.removeprefix("path:") if stage.name == "dense" else rest
    if folder.startswith(("/", ".", "~")):
        return replace(stage, rest=Path(folder).expanduser().resolve().name)
    if stage.name == "dense" and rest.startswith("openai:"):
        return replace(stage, rest=f"openai:{stored_endpoint(rest.removeprefix('openai:'))}")
    return stage
