"""`bench cache`: what lies in the cache, and what of it may go."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.family import Family
from bench.cli.output import note, print_json
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.holdings import Holding
    from bench.pruning import Doomed


@click.group(cls=Family)
def cache() -> None:
    """What lies in the cache."""


@cache.command("list")
@options.combined(options.cache, options.as_json)
def list_(cache: Path | None, as_json: bool) -> None:
    """Vectors by the recipe that made them, downloads, results, replies, and what unfinished runs left."""
    from bench.holdings import holdings
    from bench.places import default_cache

    folder = cache or default_cache()
    found = holdings(folder)
    if as_json:
        print_json({"cache": str(folder), "bytes": sum(h.bytes for h in found), "holdings": [_row(h) for h in found]})
        return
    _print(folder, found)


def _row(holding: Holding) -> dict[str, Any]:
    about = {key: value for key, value in holding.about.items() if key != "recipe"}
    return {
        "kind": holding.kind,
        "name": holding.name,
        "bytes": holding.bytes,
        "count": len(holding.pieces),
        "used": _when(holding.used),
        **about,
    }


def _print(folder: Path, found: list[Holding]) -> None:
    from bench.cli.sheet import print_table
    from bench.sizes import size

    rows = [(h.kind, size(h.bytes), f"{len(h.pieces):,}", _when(h.used)[:10], _called(h)) for h in found]
    if rows:
        print_table(["kind", "size", "count", "last used", "what"], rows, right=["size", "count"])
    click.echo(f"{size(sum(h.bytes for h in found))} in {folder}")


def _called(holding: Holding) -> str:
    """What a holding is, in a few words."""
    about = holding.about
    if holding.kind == "vectors":
        weights = about["weights"] or {}
        which = weights.get("hub") or weights.get("name") or str(weights.get("sha256") or "")[:12]
        model = ", ".join(about["models"]) or f"{about['adapter'] or 'unknown'} {which}".strip()
        side = {"query": "questions", "document": "documents"}.get(about["side"], "texts")
        language = f" ({about['language']})" if about["language"] else ""
        return f"{side} by {model}{language}: {holding.name}"
    if holding.kind == "unfinished":
        return f"{holding.name}: " + ("a process is at work" if about["alive"] else "of a process that has ended")
    return holding.name


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache.command()
@click.option("--older-than", "age", metavar="AGE", help="Vectors and downloads not used for so long: 30d, 12h, 2w.")
@click.option("--model", metavar="M", help="Vectors of this model alone.")
@click.option("--unused", is_flag=True, help="Vectors that no entry in the cache or on the board was made with.")
@click.option("--yes", is_flag=True, help="Remove it; without this, only say what would go.")
@options.combined(options.board, options.cache, options.cards, options.quiet, options.as_json)
def prune(
    age: str | None,
    model: str | None,
    unused: bool,
    yes: bool,
    board: Path,
    cache: Path | None,
    cards: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Remove what killed processes left, and vectors and downloads for which all of the given conditions hold.

    Results and kept replies always stay. Nothing is removed while a run is at work in the cache.
    """
    from bench.holdings import models_by_recipe
    from bench.places import default_cache
    from bench.pruning import Wish, doomed, parse_age
    from bench.pruning import prune as removed

    folder = cache or default_cache()
    wish = Wish(
        parse_age(age) if age is not None else None,
        _recipes(model, folder, cards) if model is not None else None,
        set(models_by_recipe(folder / "results", board)) if unused else None,
    )
    gone = removed(folder, wish) if yes and folder.is_dir() else doomed(folder, wish)
    if as_json:
        items = [_row(item.holding) | _going(item) for item in gone]
        print_json({"cache": str(folder), "removed": yes, "bytes": sum(item.bytes for item in gone), "items": items})
        return
    _print_gone(folder, gone, yes=yes, quiet=quiet)


def _going(item: Doomed) -> dict[str, Any]:
    return {"bytes": item.bytes, "count": len(item.pieces), "reason": item.reason}


def _print_gone(folder: Path, gone: list[Doomed], *, yes: bool, quiet: bool) -> None:
    from bench.cli.sheet import print_table
    from bench.sizes import size

    rows = [(g.holding.kind, size(g.bytes), f"{len(g.pieces):,}", g.reason, _called(g.holding)) for g in gone]
    if rows:
        print_table(["kind", "size", "count", "why", "what"], rows, right=["size", "count"])
    total = size(sum(item.bytes for item in gone))
    click.echo(f"{total} {'removed from' if yes else 'would go from'} {folder}")
    if gone and not yes:
        note("nothing was removed: --yes does it", quiet=quiet)


def _recipes(model: str, folder: Path, cards: Path | None) -> set[str]:
    """The recipes of a model's vectors: of its card, or of the entries that name it where it cannot be resolved."""
    from bench.holdings import models_by_recipe, recipe_key
    from bench.registry import Registry
    from bench.results import stored_name
    from bench.system import Options, resolve

    name = stored_name(model)
    named = {recipe for recipe, names in models_by_recipe(folder / "results").items() if name in names}
    try:
        system = resolve(model, Registry(cards), Options(offline=True, allow_pickle=True))
    except BenchError:
        if named:
            return named
        raise
    return named | {recipe_key(e.recipe(side)) for e in system.encoders for side in ("query", "document")}
