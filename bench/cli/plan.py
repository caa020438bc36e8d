"""`bench plan`: what a run would cost on this machine, after a probe of a few hundred documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, print_json, say
from bench.cli.pairs import on_each
from bench.errors import InputError

_PLANNED = (
    *("split", "k", "weights", "device", "dtype", "attention", "data", "cache", "cards", "shard_size"),
    *("trust_remote_code", "max_memory", "max_disk", "allow_pickle", "vectors"),
)


@click.command()
@options.model
@options.task
@options.combined(options.languages, options.split)
@click.option("--k", type=click.IntRange(min=1), metavar="N", help="Documents to retrieve for each query.")
@options.combined(options.weights, options.device, options.dtype, options.attention)
@options.combined(options.vectors, options.shard_size)
@options.combined(options.max_memory, options.max_disk)
@click.option("--price-per-hour", type=click.FloatRange(min=0), metavar="X", help="What an hour of this machine costs.")
@click.option("--currency", metavar="C", help="Of that price: USD.")
@click.option("--watts", type=click.FloatRange(min=0), metavar="W", help="What this machine draws at work.")
@click.option(
    "--probe", "documents", type=click.IntRange(min=8), default=320, show_default=True, metavar="N",
    help="Documents to encode for it.",
)  # fmt: skip
@options.combined(options.trust_remote_code, options.allow_pickle)
@options.combined(options.data, options.cache, options.cards, options.offline, options.quiet, options.as_json)
def plan(models: tuple[str, ...], tasks: tuple[str, ...], **given: Any) -> int:
    """Say what a run would cost here: documents, tokens, disk, memory, time by phase with a range, money, energy.

    A few hundred documents are encoded with the real model, and nothing of that is kept. What is not here yet is
    reckoned from its card; no data are fetched.
    """
    if given["currency"] and given["price_per_hour"] is None:
        raise InputError("--currency: says in what --price-per-hour is given, which is missing")
    if given["offline"]:
        options.stay_offline()
    results, code = on_each(models, tasks, lambda model, task: _one(model, task, given), as_json=given["as_json"])
    if given["as_json"]:
        print_json(results)
    else:
        for result in (result for result in results if "error" not in result):
            _print(result, quiet=given["quiet"])
    return code


def _one(model: str, task: str, given: dict[str, Any]) -> dict[str, Any]:
    from bench.api import planned
    from bench.forecast import Price, forecast

    asked = planned(
        model,
        task,
        languages=options.listed(given["languages"], "--lang") if given["languages"] else None,
        offline=given["offline"],
        **{name: given[name] for name in _PLANNED},
    )
    note(
        f"{model} on {task}: encoding {given['documents']} documents to see ..",
        quiet=given["quiet"] or given["as_json"],
    )
    price = Price(given["price_per_hour"], given["currency"] or "USD", given["watts"])
    return forecast(asked, price, given["documents"])


def _print(result: dict[str, Any], *, quiet: bool) -> None:
    from bench.cli.sheet import print_fields, print_table, print_title

    print_title(f"{result['model']} on {result['task']}")
    print_fields(list(_fields(result)))
    rows = [(phase, *(_span(value) for value in span.values())) for phase, span in result["seconds"].items()]
    print_table(["phase", "low", "expected", "high"], rows, right=["low", "expected", "high"])
    if result["refused"]:
        say(f"a run with these limits would not begin: {result['refused']}", colour="yellow")
    for text in result["notes"]:
        note(text, quiet=quiet)
    note(f"the range: {result['range']}", quiet=quiet)


def _fields(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from bench.sizes import size

    counted = [code for code, row in result["languages"].items() if row["documents_from"] == "counted"]
    how = (
        "counted"
        if len(counted) == len(result["languages"])
        else f"counted: {', '.join(counted)}"
        if counted
        else "by the card"
    )
    yield (
        "documents",
        f"{result['documents']:,} in {len(result['languages'])} language{'s' * (len(result['languages']) != 1)} "
        f"({how}), {result['queries']:,} questions",
    )
    if result["tokens"]:
        yield "tokens", _range(result["tokens"]["documents"], "{:,.0f}")
    disk, memory, probe = result["disk"], result["memory"], result["probe"]
    if disk["vectors"] is not None:
        yield (
            "disk",
            f"{size(disk['vectors'])} of vectors, {size(disk['new'])} to be written, {size(disk['free'])} free",
        )
    yield "in the store", _store(result)
    has = f", of {size(memory['machine'])}" if memory["machine"] else ""
    yield "memory", f"{size(memory['least'])} at least, {size(memory['at_most'])} at most{has}"
    if "price" in result:
        yield "price", f"{_range(result['price'], '{:,.2f}')} {result['price']['currency']}"
    if "energy" in result:
        yield "energy", f"{_range(result['energy'], '{:,.3g}')} kWh"
    if "spent" in result:
        yield "endpoint", ", ".join(f"{amount:,.4g} {unit}" for unit, amount in result["spent"].items())
    yield "probe", f"{probe['documents']} documents and {probe['queries']} questions in {len(probe['windows'])} windows"


def _store(result: dict[str, Any]) -> str:
    """How many shards of documents are there, and of how many that is said; and how many questions."""
    asked = sum(row["questions_in_store"] or 0 for row in result["languages"].values())
    rows = [row["store"] for row in result["languages"].values() if row["store"]]
    there, looked, of = (sum(row[key] for row in rows) for key in ("there", "looked_at", "of"))
    if not of:
        return "no vectors are kept of this model" if not rows or not result["disk"]["vectors"] else "nothing"
    if not looked:
        return f"nothing of {of:,} shards, {asked:,} of {result['queries']:,} questions"
    shards = f"{there:,} of {looked:,} shards" + ("" if looked == of else f" that were looked at, of {of:,}")
    return f"{shards}, {asked:,} of {result['queries']:,} questions"


def _range(span: dict[str, Any], form: str) -> str:
    low, expected, high = (form.format(span[key]) for key in ("low", "expected", "high"))
    return expected if low == high else f"{expected} ({low} to {high})"


def _span(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
