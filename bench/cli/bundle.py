"""`bench bundle`: data and weights with their licences, for a machine without the network."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bench.cli import options
from bench.cli.output import note, print_json, say

_MEGABYTE = 1_000_000
_PLANNED = ("split", "data", "cache", "cards", "offline")


@click.command()
@click.option("--model", required=True, metavar="M", help="Name or expression.")
@click.option("--task", required=True, metavar="T", help="Name of a benchmark.")
@click.option("--lang", "languages", multiple=True, metavar="L,..", help="Only these languages.")
@click.option("--split", metavar="S", help="Another split than the task card's.")
@click.option("--weights", metavar="DIR[,DIR]", help="Weights instead of the model card's.")
@click.option("--out", type=options.FOLDER, required=True, metavar="DIR", help="The new folder.")
@click.option(
    "--accept-licences", is_flag=True, help="Say that you may pass on what is non-commercial or of unknown licence."
)
@options.combined(options.data, options.cache, options.cards, options.offline, options.quiet, options.as_json)
def bundle(languages: tuple[str, ...], out: Path, accept_licences: bool, **given: Any) -> None:
    """Pack the data of a benchmark and the weights of a model into one folder.

    On another machine the command that MANIFEST.json names repeats the run without the network: --offline --data DIR.
    """
    manifest = _packed(languages, out, accept_licences, given)
    if given["as_json"]:
        print_json({"folder": str(out), **manifest})
        return
    size = sum(file["bytes"] for file in manifest["files"])
    click.echo(f"{out}: {len(manifest['files'])} files, {size / _MEGABYTE:,.1f} MB")
    click.echo(f"  in that folder: {shlex.join(manifest['command'])}")
    for need in manifest["needs"]:
        note(f"  needs {need}", quiet=given["quiet"])


def _packed(languages: tuple[str, ...], out: Path, accept_licences: bool, given: Mapping[str, Any]) -> dict[str, Any]:
    """Pack, with progress; the manifest."""
    from bench.api import planned
    from bench.bundle import bundle as pack
    from bench.cli.interrupt import EXIT_CODE, stopping
    from bench.cli.transfers import ShownTransfers
    from bench.grammar import split_list

    plan = planned(
        given["model"],
        given["task"],
        languages=[code for value in languages for code in split_list(value)] or None,
        weights=given["weights"],
        **{name: given[name] for name in _PLANNED},
    )
    watch = ShownTransfers(quiet=given["quiet"] or given["as_json"])

    def farewell() -> None:
        watch.close()
        say("bench: interrupted: nothing is kept of the bundle", colour="red")

    own = {"weights": [Path(text) for text in split_list(given["weights"] or "")], "cards": given["cards"]}
    try:
        with stopping(farewell):
            return pack(plan, given["model"], out, accept_licences=accept_licences, watch=watch, **own)
    except KeyboardInterrupt as error:
        raise click.exceptions.Exit(EXIT_CODE) from error  # The farewell has been said.
    finally:
        watch.close()
