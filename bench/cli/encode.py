"""`bench encode`: a share of the vectors of a task, for as many machines as share a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.output import note, print_json, say
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.share import Share

_PLANNED = (
    "split",
    "weights",
    "device",
    "dtype",
    "attention",
    "data",
    "cache",
    "cards",
    "shard_size",
    "allow_unpinned",
    "allow_pickle",
    "engine",
    "address",
    "workers",
    "vectors",
)


@click.command()
@options.model
@options.task
@click.option("--part", metavar="I/N", required=True, help="Which of N parts, from 1; 1/1 is all of it.")
@options.combined(options.languages, options.split, options.weights, options.device, options.dtype, options.attention)
@options.combined(options.vectors, options.shard_size)
@options.combined(options.allow_unpinned, options.trust_remote_code, options.allow_pickle)
@options.combined(options.engine, options.address, options.workers)
@options.combined(options.data, options.cache, options.cards, options.offline, options.quiet, options.as_json)
def encode(models: tuple[str, ...], tasks: tuple[str, ...], part: str, **given: Any) -> None:
    """Fill a share of the vector store, on as many machines as share a cache folder.

    The shards are those of `bench run` with the same model, task and shard size, which then finds all of them and
    encodes what is missing. Run the same command again to go on after an interruption.
    """
    from bench.share import Share

    share = Share.parse(part)
    model, task = _only(models, "--model"), _only(tasks, "--task")
    if given["offline"]:
        options.stay_offline()
    result = _encoded(model, task, share, given)
    if given["as_json"]:
        print_json(result)
        return
    vectors, mine = result["vectors"], sum(row["mine"] for row in result["languages"].values())
    of = sum(row["shards"] for row in result["languages"].values())
    click.echo(f"{result['model']} on {result['task']}, part {result['part']}: {mine} of {of} shards are its own")
    for text in result["notes"]:
        note(text, quiet=given["quiet"])
    seconds = sum(result["seconds"].values())
    note(
        f"{vectors['encoded']:,} texts encoded, {vectors['reused']:,} were there, {seconds:.1f} s", quiet=given["quiet"]
    )


def _only(values: tuple[str, ...], option: str) -> str:
    names = options.listed(values, option)
    if len(names) > 1:
        raise InputError(f"{option}: {', '.join(names)}: a part is encoded of one at a time")
    return names[0]


def _encoded(model: str, task: str, share: Share, given: dict[str, Any]) -> dict[str, Any]:
    from bench.api import planned
    from bench.cli.interrupt import EXIT_CODE, stopping
    from bench.cli.progress import Shown
    from bench.share import encode_share

    watch = Shown(quiet=given["quiet"] or given["as_json"])
    plan = planned(
        model,
        task,
        languages=options.listed(given["languages"], "--lang") if given["languages"] else None,
        offline=given["offline"],
        trust_remote_code=given["trust_remote_code"],
        **{name: given[name] for name in _PLANNED},
    )

    def farewell() -> None:
        watch.close()
        say("bench: interrupted: all finished shards are kept; run the same command again to go on", colour="red")

    try:
        with stopping(farewell):
            return encode_share(plan, share, watch)
    except KeyboardInterrupt as error:
        raise click.exceptions.Exit(EXIT_CODE) from error
    finally:
        watch.close()
