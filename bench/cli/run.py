"""`bench run`: encode, search, score; the table, the entry, the runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, print_json, say
from bench.cli.pairs import on_each

# Options that a plan takes as they are given.
_PLANNED = (
    *("split", "k", "weights", "device", "dtype", "attention", "data", "cache", "cards", "output", "limit_docs"),
    *("shard_size", "seed", "drop_self", "note", "allow_unpinned", "trust_remote_code"),
    *("max_memory", "max_disk", "latency", "allow_pickle", "engine", "address", "workers", "vectors", "index"),
)


@click.command()
@options.model
@options.task
@options.languages
@options.split
@click.option("--k", type=click.IntRange(min=1), metavar="N", help="Documents to retrieve for each query.")
@click.option("--measures", multiple=True, metavar="M,..", help="Instead of the task card's; the main one first.")
@options.weights
@options.device
@options.combined(options.dtype, options.attention)
@click.option(
    "--limit-docs", type=click.IntRange(min=1), metavar="N", help="A sample: all that is judged, and others up to N."
)
@options.combined(options.vectors, options.index)
@options.shard_size
@options.max_memory
@options.max_disk
@options.combined(options.engine, options.address, options.workers)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of a sample and of a model.")
@click.option("--note", metavar="TEXT", help="Explain this run's flags: kept and shown with its numbers.")
@click.option("--drop-self", is_flag=True, help="With path:DIR: no query finds the document that has its id.")
@options.allow_unpinned
@options.combined(options.trust_remote_code, options.allow_pickle)
@click.option(
    "--latency/--no-latency",
    default=None,
    help="Time single queries always or never; else where it costs little.",
)
@click.option("--no-board", is_flag=True, help="Write no leaderboard entry.")
@click.option("--output", type=options.FOLDER, metavar="DIR", help="Where runs and per-query scores go.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and look that everything is there.")
@click.option("--strict", is_flag=True, help="A partial result is a failure (exit 3).")
@options.combined(options.data, options.board, options.cache, options.cards, options.offline, options.quiet)
@options.as_json
def run(models: tuple[str, ...], tasks: tuple[str, ...], **given: Any) -> int:
    """Measure models on tasks: encode, search exactly, score; print the per-language table and write the entry."""
    if given["offline"]:
        options.stay_offline()
    results, code = on_each(models, tasks, lambda model, task: _one(model, task, given), as_json=given["as_json"])
    if given["as_json"]:
        print_json(results)
    elif not given["dry_run"]:
        _print([r for r in results if "error" not in r], quiet=given["quiet"])
    partial = any(not result.get("complete", True) for result in results)
    return max(code, 3) if given["strict"] and partial else code


def _one(model: str, task: str, given: dict[str, Any]) -> dict[str, Any]:
    from bench.api import planned
    from bench.cli.interrupt import EXIT_CODE, stopping
    from bench.cli.progress import Shown
    from bench.execute import execute, rehearse

    watch = Shown(quiet=given["quiet"] or given["as_json"])
    plan = planned(
        model,
        task,
        languages=options.listed(given["languages"], "--lang") if given["languages"] else None,
        measures=given["measures"] or None,
        board=None if given["no_board"] else given["board"],
        offline=given["offline"] or given["dry_run"],  # To fetch something is to write it.
        **{name: given[name] for name in _PLANNED},
    )
    if given["dry_run"]:
        result = rehearse(plan)
        if not given["as_json"]:
            _print_rehearsal(result)
        return result

    def farewell() -> None:
        watch.close()
        kept = f"finished languages ({', '.join(watch.finished)}) and " if watch.finished else ""
        say(
            f"bench: interrupted: {kept}all finished shards of vectors are kept; run the same command again to go on",
            colour="red",
        )

    try:
        with stopping(farewell):
            return execute(plan, watch)
    except KeyboardInterrupt as error:
        raise click.exceptions.Exit(EXIT_CODE) from error  # The farewell has been said.
    finally:
        watch.close()


def _print(results: list[dict[str, Any]], *, quiet: bool) -> None:
    """One table a task and measure, with all systems of this call; then where things lie and what to look at."""
    from bench.cli.tables import lines_of, print_slices, print_table

    for task in dict.fromkeys(result["task"] for result in results):
        group = [result for result in results if result["task"] == task]
        languages = list(dict.fromkeys(code for result in group for code in result["languages"]))
        for measure in dict.fromkeys(m for result in group for m in result["measures"]):
            print_table(f"{task}, {measure}{_sampled(group)}", languages, lines_of(group, measure))
            print_slices(group, measure)
    for result in results:
        _remarks(result, quiet=quiet)


def _sampled(group: Sequence[dict[str, Any]]) -> str:
    """What a table's title says of a sample, which is the same for all results of a call."""
    sample = group[0]["sample"]
    if not sample:
        return ""
    number = sample["documents"]
    return f", a sample of {number:,} document{'s' if number > 1 else ''} a language"


def _remarks(result: dict[str, Any], *, quiet: bool) -> None:
    from bench.cli.tables import flag_line

    name = f"{result['model']} on {result['task']}"
    for flag in result["flags"]:
        if not flag["expected"]:
            note(f"{name}: {flag_line(flag)}", quiet=quiet)
    for text in result["notes"]:
        if "says nothing where" not in text:
            note(f"{name}: {text}", quiet=quiet)
    vectors, seconds = result["vectors"], sum(result["seconds"].values())
    work = f"{vectors['encoded']:,} texts encoded, {vectors['reused']:,} reused, " if sum(vectors.values()) else ""
    where = f", entry {result['entry']}" if result["entry"] else ""
    note(f"{name}: data {result['data']}, {work}{seconds:.1f} s{where}", quiet=quiet)


def _print_rehearsal(result: dict[str, Any]) -> None:
    click.echo(f"{result['model']} on {result['task']} ({result['split']}), identity {result['identity']}")
    click.echo(f"  languages: {', '.join(result['languages']) or 'none'}")
    for fault in result["notes"]:
        click.echo(f"  {fault}")
    click.echo(f"  {', '.join(result['measures'])} at k = {result['k']}")
    click.echo(f"  results: {result['output']}")
    click.echo(f"  entry: {result['entry'] or 'none'}")
