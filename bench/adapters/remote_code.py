"""Code that lies beside a model's weights: it runs only if it is trusted, and what runs is pinned and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.adapters.complete import parts
from bench.errors import InputError
from bench.model import Model
from bench.weights import Located, hub

UNTRUSTED = "brings code of its own, which runs only with --trust-remote-code; read it first"
"""What is said of a model that needs code that nobody has allowed to run."""


def code_of(weights: Located) -> tuple[str, ...]:
    """Where the code of a folder's model comes from: repositories of the hub, `.` for its own files; () for none."""
    places = {part.path for part in parts(weights)} | {""}
    found: set[str] = set()
    for place in places:
        stated = weights.config(f"{place}/config.json" if place else "config.json").get("auto_map")
        for name in stated.values() if isinstance(stated, dict) else ():
            for one in filter(None, name if isinstance(name, list) else [name]):
                repository, dashes, _ = str(one).partition("--")
                found.add(repository if dashes else ".")
    own_modules = (row for row in parts(weights) if not row.type.startswith(("sentence_transformers.", "pylate.")))
    found |= {"." if "--" not in row.type else row.type.partition("--")[0] for row in own_modules}
    return tuple(sorted(found))


def code_options(code: Mapping[str, Any] | None) -> dict[str, Any]:
    """How the library is told the commit of code from another repository; `code` is what a recipe says of it."""
    commits = [commit for place, commit in (code or {}).items() if place != "."]
    return {"code_revision": commits[0]} if commits else {}


def refuse_untrusted(card: Model, weights: Located, *, trusted: bool) -> None:
    """InputError for a card whose model needs code of its own that nobody has allowed to run."""
    if card.remote_code and not trusted and code_of(weights):
        raise InputError(f"{card.name}: {weights.name} {UNTRUSTED}")


def pinned_code(weights: Located, *, trusted: bool, offline: bool) -> dict[str, Any] | None:
    """What a recipe says of trusted code: the commit of another repository, or that it is in the folder."""
    places = code_of(weights) if trusted else ()
    if not places:
        return None
    commits = {place: hub(place, None, offline=offline).revision for place in places if place != "."}
    if len(commits) > 1:
        raise InputError(f"{weights.name}: takes code from {len(commits)} repositories; only one can be pinned")
    return commits or {".": "in the folder"}
