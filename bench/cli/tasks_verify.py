"""`bench tasks verify`: a local copy of a benchmark against every pin of its card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.output import print_json, say
from bench.cli.sheet import print_lines, print_table
from bench.task import COUNTS, Task

if TYPE_CHECKING:
    from bench.verify import Verified

_CODES = {"match": 0, "unchecked": 0, "differ": 1, "missing": 3, "damaged": 3}


@click.command()
@click.argument("task", metavar="T")
@click.option("--lang", "languages", multiple=True, metavar="L,..", help="Only these languages.")
@click.option("--split", metavar="S", help="Another split than the task card's.")
@options.combined(options.data, options.cache, options.cards, options.quiet, options.as_json)
def verify(
    task: str,
    languages: tuple[str, ...],
    split: str | None,
    data: Path | None,
    cache: Path | None,
    cards: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Read a local copy to its end and compare it with every pin; exit 1 where it differs, 3 where files are missing.

    A soft pin that is missed is listed and is no failure.
    """
    from bench.cli.progress import Shown
    from bench.grammar import split_list
    from bench.places import Places, data_folder, default_cache
    from bench.registry import Registry
    from bench.subsets import chosen_languages, chosen_split
    from bench.verify import verify as verified

    card = Registry(cards).task(task)
    places = Places(data_folder(data), cache or default_cache(), offline=True)
    chosen = chosen_languages(card, [code for value in languages for code in split_list(value)], split)
    where = chosen_split(card, split)
    watch = Shown(quiet=quiet or as_json)
    watch.plan(f"verify {card.named(where)}", None)
    rows = []
    try:
        for subset in chosen:
            watch.begin(subset, card.languages[subset].documents)
            rows.append(verified(card, subset, where, places, watch))
            watch.end(subset)
    finally:
        watch.close()
    if as_json:
        print_json([_object(card, where, row) for row in rows])
    else:
        _print(card, where, rows)
    return max(_CODES[row.state] for row in rows)


def _object(card: Task, split: str, row: Verified) -> dict[str, Any]:
    """One language as --json prints it."""
    return {
        "task": card.named(split),
        "language": row.subset,
        "pins": row.state,
        "differences": [
            {"pin": d.pin, "expected": d.expected, "found": d.found, "strength": "hard" if d.hard else "soft"}
            for d in row.differences
        ],
        "counts": {pin: getattr(row.census, pin) for pin in COUNTS} if row.census else None,
        "fingerprint": row.census.fingerprint if row.census else None,
        "unpinned_files": list(row.unpinned),
        "fault": row.fault,
    }


def _print(card: Task, split: str, rows: Sequence[Verified]) -> None:
    counted = [pin for pin in COUNTS if any(row.census and getattr(row.census, pin) is not None for row in rows)]
    cells = [(row.subset, *_counts(row, counted), row.state) for row in rows]
    print_table(["language", *counted, "pins"], cells, right=counted)
    for row in rows:
        lines = list(_lines(row))
        if lines:
            print_lines(f"{card.named(split)}, {row.subset}", "\n".join(lines))
        if row.fault:
            say(f"bench: {row.fault}", colour="red")


def _counts(row: Verified, counted: Sequence[str]) -> Iterator[str]:
    for pin in counted:
        value = getattr(row.census, pin) if row.census else None
        yield "" if value is None else f"{value:,}"


def _lines(row: Verified) -> Iterator[str]:
    for difference in row.differences:
        yield str(difference) + ("" if difference.hard else " (a soft pin)")
    if row.unpinned and row.state not in ("missing", "damaged"):
        yield f"no checksum is known of {', '.join(row.unpinned)}"
