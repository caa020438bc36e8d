"""Which flags of a language surprise nobody, by what the cards of the models say of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from bench.flags import CHECKS
from bench.model import Model
from bench.task import Task


def expected_checks(task: Task, cards: Sequence[Model], subset: str) -> list[str]:
    """The checks whose flags do not surprise: every card expects them, or none claims the language of the queries.

    A card's `expect` holds names of checks, or of checks `across languages` for tasks where queries and documents
    differ in language. Without a card every flag surprises.
    """
    language = task.query_language(subset)
    crossing = language != task.document_language(subset)

    def expects(card: Model, check: str) -> bool:
        named = check in card.expect or (crossing and f"{check} across languages" in card.expect)
        return named or (card.languages != "any" and language not in card.languages)

    return [check for check in CHECKS if cards and all(expects(card, check) for card in cards)]
