"""Options that several verbs share; a verb takes those it uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from bench.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)

cards = click.option("--cards", type=FOLDER, envvar="BENCH_CARDS", metavar="DIR", help="Your own tasks/ and models/.")
data = click.option("--data", type=FOLDER, envvar="BENCH_DATA", metavar="DIR", help="Local copies of the benchmarks.")
board = click.option(
    "--board", type=FOLDER, envvar="BENCH_BOARD", default=Path("leaderboards"), metavar="DIR", show_default=True,
    help="The leaderboard folder.",
)  # fmt: skip
cache = click.option("--cache", type=FOLDER, envvar="BENCH_CACHE", metavar="DIR", help="Vectors, downloads, results.")
offline = click.option("--offline", is_flag=True, help="Connect to no other host.")
quiet = click.option("--quiet", is_flag=True, help="No progress and no notes; warnings stay.")
as_json = click.option("--json", "as_json", is_flag=True, help="Strict JSON on stdout, values unrounded.")

model = click.option(
    "--model", "models", multiple=True, required=True, metavar="M",
    help="A card (bench models list), hf:ORG/NAME, path:DIR or an expression; repeatable.",
)  # fmt: skip
task = click.option(
    "--task", "tasks", multiple=True, required=True, metavar="T",
    help="A benchmark (bench tasks list), mteb:NAME or path:DIR; repeatable.",
)  # fmt: skip
languages = click.option("--lang", "languages", multiple=True, metavar="L,..", help="Only these languages.")
split = click.option("--split", metavar="S", help="Another split than the card's, such as train.")
weights = click.option(
    "--weights", metavar="DIR[,DIR]", help="Weights in place of the card's; of two, the first encodes the queries."
)
device = click.option("--device", metavar="D[,D]", help="Where the model runs: cpu, cuda, or several: cuda:0,cuda:1.")
dtype = click.option(
    "--dtype", type=click.Choice(["float32", "bfloat16", "float16"]), metavar="T",
    help="float32, bfloat16 or float16, as the model's card allows.",
)  # fmt: skip
vectors = click.option(
    "--vectors", metavar="V", help="Store documents as float16, int8, binary, dims=N or dims=N,int8: a variant by name."
)
index = click.option(
    "--index", metavar="F", help="An approximate index of FAISS, such as 'IVF256,Flat?nprobe=16'; never ranked."
)
attention = click.option(
    "--attention", type=click.Choice(["sdpa", "eager", "flash_attention_2"]), metavar="A",
    help="sdpa, eager or flash_attention_2, in place of the library's choice.",
)  # fmt: skip
shard_size = click.option(
    "--shard-size", type=click.IntRange(min=1), metavar="N", help="Texts encoded and stored together: 2048."
)
allow_unpinned = click.option(
    "--allow-unpinned", is_flag=True, help="Go on with data that differ from the pins; no entry then."
)
trust_remote_code = click.option("--trust-remote-code", is_flag=True, help="Let a model's own code run.")
allow_pickle = click.option("--allow-pickle", is_flag=True, help="Read weights that are pickled: they can run code.")
engine = click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Who encodes and searches: this process, or workers of Ray; the numbers are the same.",
)  # fmt: skip
address = click.option("--address", metavar="HOST:PORT", help="A running cluster of Ray; else one is started here.")
workers = click.option(
    "--workers", type=int, metavar="N", help="Of Ray: one a GPU or, where there is none, one a machine."
)
max_memory = click.option(
    "--max-memory", metavar="SIZE", help="Search within so much, such as 2GB; what needs more is refused."
)
max_disk = click.option("--max-disk", metavar="SIZE", help="Refuse a run whose vectors take more of the disk.")


def listed(values: Sequence[str], option: str) -> list[str]:
    """The items of a repeatable list option, each once; InputError where it names nothing."""
    from bench.grammar import split_list

    items = [item for value in values for item in split_list(value)]
    if not items:
        raise InputError(f"{option}: no name given")
    return list(dict.fromkeys(items))


def stay_offline() -> None:
    """What --offline means to the libraries that would fetch something themselves."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        os.environ[name] = "1"


def combined(*options: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator of several options, listed in this order by --help."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
