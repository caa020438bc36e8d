"""`bench models`: the model cards, one of them in full, and a look at what it does. Only `verify` loads a model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import click

from bench.cli import options
from bench.cli.family import Family
from bench.cli.listing import broken, marked, report
from bench.cli.output import print_json
from bench.cli.sheet import print_fields, print_lines, print_table, print_title
from bench.errors import InputError, MissingError
from bench.model import Model
from bench.registry import Registry


@click.group(cls=Family)
def models() -> None:
    """The models."""


@models.command("list")
@options.combined(options.cards, options.as_json)
def list_(cards: Path | None, as_json: bool) -> int:
    """All models with a card, and those of your own cards."""
    listed = Registry(cards).listed("models")
    if as_json:
        print_json([_summary(row.card, row.own) if isinstance(row.card, Model) else broken(row) for row in listed])
    else:
        rows = [(marked(row), *_cells(row.card)) for row in listed if isinstance(row.card, Model)]
        print_table(
            ["model", "kind", "parameters", "languages", "licence", "what it is"],
            rows,
            right=["parameters", "languages"],
        )
    return report(listed)


def _summary(card: Model, own: bool) -> dict[str, Any]:
    keys = ("name", "kind", "parameters", "languages", "licence")
    return {key: getattr(card, key) for key in keys} | {"description": _first_sentence(card.description), "own": own}


def _cells(card: Model) -> tuple[str, str, str, str, str]:
    languages = "any" if card.languages == "any" else str(len(card.languages))
    return card.kind, _millions(card.parameters), languages, card.licence, _first_sentence(card.description)


def _millions(parameters: int | None) -> str:
    if parameters is None:
        return ""
    return f"{parameters / 1e6:.3g} M" if parameters < 1e9 else f"{parameters / 1e9:.3g} B"


def _first_sentence(text: str) -> str:
    """Up to the first full stop after a word of four letters or more, so that no abbreviation ends it."""
    return re.split(r"(?<=[^\s]{4}[.!?])\s+(?=[A-Z])", " ".join(text.split()), maxsplit=1)[0]


@models.command()
@click.argument("model", metavar="M")
@options.combined(options.cards, options.as_json)
def show(model: str, cards: Path | None, as_json: bool) -> None:
    """A model's card in full, and whether its weights are here."""
    registry = Registry(cards)
    card, own = registry.model(model), registry.is_own("models", model)
    weights, analysis = _whereabouts(card), _analysis(card)
    if as_json:
        found = {"own": own, "weights_here": weights.here, "weights_where": weights.text}
        print_json({**card.model_dump(mode="json"), **found, **({"analysis": analysis} if analysis else {})})
        return
    print_title(card.name + (" (own)" if own else ""))
    print_fields(list(_fields(card, weights)))
    if card.citation:
        print_lines("citation", card.citation)
    if analysis:
        rows = [(code, a["tokens"], a["stem"] or "", ", ".join(a["fold"])) for code, a in analysis.items()]
        print_table(["language", "tokens", "stem", "fold"], rows)


@models.command()
@click.argument("model", metavar="M")
@options.combined(options.weights, options.device, options.dtype)
@options.combined(options.trust_remote_code, options.allow_pickle)
@options.combined(options.cards, options.offline, options.as_json)
def verify(model: str, cards: Path | None, as_json: bool, **given: Any) -> None:
    """Load a model, give it one pair of texts, and show what was sent and what came back."""
    from bench.cli.verified import print_verified
    from bench.system import Options, resolve
    from bench.system.verify import of_stage
    from bench.system.verify import verify as look
    from bench.weights import folders_of

    asked = Options(weights=folders_of(given.pop("weights")), **given)
    registry = Registry(cards)
    system = resolve(of_stage(model, registry), registry, asked)
    looked = look(system)
    if as_json:
        encoders, stages = ([row for row in looked if (key in row)] for key in ("sides", "pair"))
        print_json({"model": system.name, "unresolved": system.unresolved, "encoders": encoders, "stages": stages})
    else:
        print_verified(system.name, system.unresolved, looked)


def _fields(card: Model, weights: Whereabouts) -> Iterator[tuple[str, str | Sequence[str]]]:
    """Every field of the card but its citation, under the card's own keys."""
    yield "kind", card.kind
    yield "description", card.description
    yield "licence", card.licence
    yield "languages", "any" if card.languages == "any" else ", ".join(card.languages)
    yield "parameters", "unknown" if card.parameters is None else f"{card.parameters:,}"
    yield "source", card.source or "none"
    yield "weights", weights.text
    if card.weights and card.weights.revision:
        yield "revision_source", card.weights.revision_source or "none"
    yield "extra", card.extra or "none"
    if card.kind != "bm25":
        yield from _encoder_fields(card)
    if card.mteb:
        yield "mteb", card.mteb
    if card.reported_as:
        yield "reported_as", list(card.reported_as)
    yield "expect", list(card.expect) or "none"
    yield "notes", list(card.notes) or "none"
    # bm25's settings by language are a table of their own.
    stated = {k: v for k, v in card.settings.items() if not (card.kind == "bm25" and k in ("default", "languages"))}
    yield "settings", [f"{key}: {_compact(value)}" for key, value in stated.items()] or "none"


def _encoder_fields(card: Model) -> Iterator[tuple[str, str | Sequence[str]]]:
    """The fields that only models with vectors use."""
    own, length = "the model's own", card.max_length
    if card.prompts:
        # Quoted, so that blanks at the ends show.
        yield "prompts", [f"query {card.prompts.query!r}", f"document {card.prompts.document!r}"]
    else:
        yield "prompts", own
    yield "prompts_source", card.prompts_source or "none"
    if card.instruction:
        yield "instruction", f"{card.instruction!r} where the task has none ({card.instruction_source})"
    if card.remote_code:
        yield "remote_code", "yes: it runs only with --trust-remote-code"
    yield "pooling", card.pooling or own
    yield "similarity", card.similarity or own
    yield "max_length", [f"query {length.query or own}", f"document {length.document or own}"]
    yield "dtypes", ", ".join(card.dtypes)
    yield "training_data", ", ".join(card.training_data) or "unknown"
    yield "trained_on", list(_trained_on(card)) or "unknown"


def _trained_on(card: Model) -> Iterator[str]:
    if card.trained_on is None:
        return
    yield f"declared: {', '.join(card.trained_on.declared) or 'nothing'}"
    if card.trained_on.inherited:
        yield f"inherited from {', '.join(card.trained_on.inherited_from)}: {', '.join(card.trained_on.inherited)}"
    yield f"source: {card.trained_on.source}"


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


class Whereabouts(NamedTuple):
    """Where a model's weights come from, in words, and whether they are on this machine; None: it needs none."""

    here: bool | None
    text: str


def _whereabouts(card: Model) -> Whereabouts:
    weights = card.weights
    if card.kind == "bm25":
        return Whereabouts(None, "it needs none")
    if weights and weights.package:
        return _in_package(card, weights.package, weights.folder)
    if weights and weights.hub:
        return _in_cache(weights.hub, weights.revision)
    from bench.weights import unpublished

    return Whereabouts(False, unpublished(card))


def _in_package(card: Model, package: str, folder: str | None) -> Whereabouts:
    from bench.weights import how_to_install

    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # a dotted name without its parent, or a module made by hand
        spec = None
    if spec is None:
        return Whereabouts(False, f"package {package}, not installed: {how_to_install(card)}")
    roots = [Path(place) for place in spec.submodule_search_locations or ()]
    if folder and not any((root / folder).is_dir() for root in roots):
        return Whereabouts(False, f"package {package}, installed without its folder {folder!r}: {how_to_install(card)}")
    return Whereabouts(True, f"package {package}, installed here")


def _in_cache(name: str, revision: str | None) -> Whereabouts:
    from bench.weights import hub

    wanted = f"hf:{name}@{revision}" if revision else f"hf:{name}, the newest revision"
    try:
        found = hub(name, revision, offline=True)
    except MissingError:
        return Whereabouts(False, f"{wanted}, not in the local cache (HF_HOME): the first run fetches it")
    return Whereabouts(True, f"{wanted}, in the local cache at revision {found.revision}")


def _analysis(card: Model) -> Mapping[str, dict[str, Any]]:
    """How bm25 analyses each language, the default first; empty for other kinds."""
    if card.kind != "bm25":
        return {}
    from bench.adapters.bm25 import Settings

    try:
        settings = Settings.parse(card.settings)
    except InputError as error:
        raise InputError(f"models/{card.name}.yaml: {error}") from error
    return {code: a.as_dict() for code, a in {"default": settings.default, **settings.languages}.items()}
