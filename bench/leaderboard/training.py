"""What is known of the training data of a board's systems: from cards of models, and from mteb's metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.cardfile import card_fields, card_names
from bench.cards import parse_card
from bench.contamination import Statement, contamination, joined, nothing_known
from bench.errors import BenchError
from bench.expression import Call, Expression, Kind, Name, Staged, Weighted, leaves, stages
from bench.grammar import parse_expression
from bench.leaderboard.imported import imported_models
from bench.leaderboard.imported.models import Model
from bench.model import Training
from bench.places import shipped
from bench.relatives import is_language_model

_ON_HUB = re.compile(r"https://huggingface\.co/([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]*[A-Za-z0-9_-])")
_UNTRAINED = {"prf", "rm3"}
"""Stages that work with what others find."""
_REWRITES = {"hyde", "query2doc", "translate"}
"""Functions that ask a language model, of whose training nothing is known."""


class TrainingData:
    """Statements about the systems of a board; `cards` are the user's own, read beside the shipped ones."""

    def __init__(self, board: Path, cards: Path | None = None) -> None:
        self._board, self._own = board, cards

    @cached_property
    def _cards(self) -> dict[str, dict[str, Any]]:
        """The fields of every model card by name; a card that cannot be read says nothing."""
        found: dict[str, dict[str, Any]] = {}
        for folder in (shipped("models"), *([self._own / "models"] if self._own else [])):
            for path in sorted(folder.glob("*.yaml")):
                for name in card_names(path):
                    try:
                        found.setdefault(name, card_fields(path, name, path.name)[0])
                    except BenchError:
                        continue
        return found

    @cached_property
    def _by_hub(self) -> dict[str, str]:
        """Names of cards by the names that the hub and mteb have for their models."""
        return {hub: name for name, fields in self._cards.items() for hub in _hubs(fields)}

    @cached_property
    def _by_report(self) -> dict[str, str]:
        return {row: name for name, fields in self._cards.items() for row in fields.get("reported_as") or ()}

    @cached_property
    def _imported(self) -> dict[str, list[Model]]:
        """What is known of imported models, all revisions of one name together."""
        found: dict[str, list[Model]] = {}
        for (name, _), model in imported_models(self._board).items():
            found.setdefault(name, []).append(model)
        return found

    def of(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The contamination of a result (`bench.contamination`)."""
        if result["kind"] == "imported":
            revision = (result.get("origin") or {}).get("revision")
            return contamination(result["task"], self.of_hub(result["model"], revision))
        if result["kind"] == "reported":
            card = result.get("system") or self._by_report.get(result["model"])
            return self._of_expression(card, result["task"]) if card else nothing_known("no card is of this system")
        return self._of_expression(result["model"], result["task"])

    def _of_expression(self, text: str, task: str) -> dict[str, Any]:
        try:
            tree = parse_expression(text)
        except BenchError:
            return nothing_known("no card is of this system")
        parts = [(name, contamination(task, statements)) for name, statements in self._parts(tree)]
        return joined(list({name: (name, found) for name, found in parts}.values()))

    def _parts(self, tree: Expression) -> Iterator[tuple[str, list[Statement]]]:
        """The models of a system with what is said of them."""
        for leaf in leaves(tree):
            yield str(leaf), self._of_leaf(leaf)
        for stage in stages(tree):
            if stage.name not in _UNTRAINED:
                named = stage.rest if stage.name != "llm" else None
                yield str(stage), self._of_leaf(Name(named)) or self.of_hub(named) if named else []
        for call in _calls(tree):
            if call.function in _REWRITES:
                yield f"{call.function}'s language model", []

    def _of_leaf(self, leaf: Name | Kind) -> list[Statement]:
        if isinstance(leaf, Kind):
            return self.of_hub(leaf.rest.partition("@")[0]) if leaf.kind in ("hf", "mteb") else []
        own = self._of_card(leaf.text)
        fields = self._cards.get(leaf.text, {})
        return own or [statement for hub in _hubs(fields) for statement in self._of_metadata(hub, None, frozenset())]

    def _of_card(self, name: str) -> list[Statement]:
        fields = self._cards.get(name, {})
        if fields.get("kind") == "bm25":
            return [Statement("it has no trained weights", {}, {})]
        try:
            stated = parse_card(Training, fields["trained_on"], name) if fields.get("trained_on") else None
        except BenchError:
            return []
        if stated is None:
            return []
        declared, inherited = (dict.fromkeys(names, ()) for names in (stated.declared, stated.inherited))
        return [Statement(f"card {name}: {stated.source}", declared, inherited)]

    def of_hub(self, name: str, revision: str | None = None) -> list[Statement]:
        """What mteb's metadata and our card say of a model by its name on the hub."""
        card = self._by_hub.get(name)
        return [*self._of_metadata(name, revision, frozenset()), *(self._of_card(card) if card else [])]

    def _of_metadata(self, name: str, revision: str | None, seen: frozenset[str]) -> list[Statement]:
        """What mteb says of a model: its own list, and those of the models that it was made from."""
        known = [model for model in self._imported.get(name, ()) if model.training_datasets is not None]
        own = [model for model in known if model.revision == revision] or known
        if not own or name in seen:
            return []
        inherited: dict[str, Sequence[str]] = {}
        left_open: list[str] = []
        base = own[-1].adapted_from
        if base and base != name and not is_language_model(base):
            above = self._of_metadata(base, None, seen | {name}) or self._of_card(self._by_hub.get(base, ""))
            left_open += [] if above else [base]
            for statement in above:
                inherited |= {**statement.declared, **statement.inherited}
                left_open += statement.open_ended
        other = "" if revision in (None, own[-1].revision) else " of another revision"
        return [
            Statement(
                f"mteb's metadata{other}", json.loads(own[-1].training_datasets or "{}"), inherited, tuple(left_open)
            )
        ]


def with_contamination(results: Iterable[dict[str, Any]], training: TrainingData) -> list[dict[str, Any]]:
    """The results, each with `contamination`."""
    return [result | {"contamination": training.of(result)} for result in results]


def _hubs(fields: Mapping[str, Any]) -> list[str]:
    """The names that mteb and the hub have for a card's model; not that of one which it was only made from."""
    weights, stated = fields.get("weights"), fields.get("trained_on")
    told = [fields.get("mteb"), weights.get("hub") if isinstance(weights, dict) else None]
    told += _ON_HUB.findall(str(fields.get("source") or ""))
    origins = (stated.get("inherited_from") or ()) if isinstance(stated, dict) else ()
    return list(dict.fromkeys(str(name) for name in told if name and name not in origins))


def _calls(tree: Expression) -> Iterator[Call]:
    if isinstance(tree, Call):
        yield tree
        for argument in tree.arguments:
            yield from _calls(argument)
    elif isinstance(tree, Weighted):
        yield from _calls(tree.expression)
    elif isinstance(tree, Staged):
        yield from _calls(tree.first)
