"""The prompts that a folder of weights states for its two sides."""

from __future__ import annotations

from typing import Any

from bench.errors import MissingError
from bench.model import Sides
from bench.weights import Located

_FILE = "config_sentence_transformers.json"


def own_prompts(weights: Located) -> Sides:
    """The folder's prompts, empty where it states none; MissingError for what is no text and for a name without one."""
    config = weights.config(_FILE)
    prompts: Any = config.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise MissingError(f"{weights.name}: {_FILE}: prompts: expected a table from names to texts, found {prompts!r}")
    default = config.get("default_prompt_name")
    if default is not None and default not in prompts:
        known = ", ".join(prompts) or "it has none"
        raise MissingError(f"{weights.name}: {_FILE}: default_prompt_name: {default!r} is none of its prompts: {known}")
    documents = [prompts[key] for key in ("document", "passage", "corpus") if prompts.get(key)]
    # PyLate's folders of the ColBERT family spell their prompts so.
    return Sides(
        query=prompts.get("query") or config.get("query_prefix") or "",
        document=documents[0] if documents else config.get("document_prefix") or "",
    )
