"""The shipped cards as their YAML states them, families taken apart by a rule restated here; and a card of one's own."""

from __future__ import annotations

from typing import Any, Literal

import yaml

from bench.places import shipped

OWN = """\
name: mine
title: A task of my own
description: One language.
authors: nobody
loader: beir
source: {name: mine, revision: "1"}
split: dev
splits: [train]
document_text: text
measures: [R@20, nDCG@10]
licences: {texts: unknown, labels: MIT}
languages: {en: {}}
"""


def stated(kind: Literal["tasks", "models"]) -> dict[str, dict[str, Any]]:
    """The fields of every card by its name, sorted: a family's fields, and a member's in their place."""
    cards = {}
    for path in shipped(kind).glob("*.yaml"):
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "family" not in value:
            cards[path.stem] = value
            continue
        shared = {key: field for key, field in value.items() if key not in ("family", "models")}
        cards |= {name: {**shared, "name": name, **(own or {})} for name, own in value["models"].items()}
    return dict(sorted(cards.items()))


def own(**changes: Any) -> str:
    """The card of one's own with other fields."""
    return yaml.safe_dump(yaml.safe_load(OWN) | changes)
