"""`bench tasks`: the benchmarks, and one card in full. Executes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli import options
from bench.cli.family import Family
from bench.cli.listing import broken, marked, report
from bench.cli.output import print_json
from bench.cli.sheet import print_fields, print_lines, print_table, print_title
from bench.registry import Registry
from bench.task import COUNTS, Task

if TYPE_CHECKING:
    from bench.leaderboard.audit.printed import PrintedRow

_DIGITS = 12  # Of a digest; all of them are in --json.
_NUMBERS = (*COUNTS, "shards")


# Verbs in modules of their own; those below are listed before them.
VERBS: dict[str, tuple[str, str]] = {
    "fetch": ("bench.cli.tasks_fetch:fetch", "Fetch what a benchmark needs, to where runs look for it."),
    "verify": ("bench.cli.tasks_verify:verify", "Compare a local copy with every pin."),
}


@click.group(cls=Family, verbs=VERBS)
def tasks() -> None:
    """The benchmarks."""


@tasks.command("list")
@click.option("--mteb", is_flag=True, help="The tasks of the installed mteb instead, in groups; --json names them all.")
@options.combined(options.cards, options.as_json)
def list_(mteb: bool, cards: Path | None, as_json: bool) -> int:
    """All benchmarks, and those of your own cards."""
    if mteb:
        _list_mteb(as_json=as_json)
        return 0
    listed = Registry(cards).listed("tasks")
    if as_json:
        print_json([_summary(row.card, row.own) if isinstance(row.card, Task) else broken(row) for row in listed])
    else:
        rows = [(marked(row), *_cells(row.card)) for row in listed if isinstance(row.card, Task)]
        print_table(["task", "languages", "split", "measures", "title"], rows, right=["languages"])
    return report(listed)


def _list_mteb(*, as_json: bool) -> None:
    """The tasks of mteb with their state; in a table by type, with their number, those that run here first."""
    from bench.loaders.mteb.catalogue import grouped, offers

    offered = offers()
    if as_json:
        print_json([offer.as_dict() for offer in offered])
        return
    rows = [(g.type, f"{g.tasks:,}", _yes(g.supported), g.what) for g in grouped(offered)]
    print_table(["type", "tasks", "runs here", "which, or why not"], rows, right=["tasks"])
    here = sum(offer.reason is None for offer in offered)
    print_fields([("in all", f"{len(offered):,} tasks, {here:,} run here as mteb:NAME (all names: --mteb --json)")])


def _summary(card: Task, own: bool) -> dict[str, Any]:
    keys = ("name", "title", "split", "measures")
    return {key: getattr(card, key) for key in keys} | {"languages": list(card.languages), "own": own}


def _cells(card: Task) -> tuple[str, str, str, str]:
    return str(len(card.languages)), card.split, ", ".join(card.measures), card.title


@tasks.command()
@click.argument("task", metavar="T")
@options.combined(options.board, options.cards, options.as_json)
def show(task: str, board: Path, cards: Path | None, as_json: bool) -> None:
    """A benchmark's card in full: the pins of its languages, and the numbers that its references print."""
    from bench.leaderboard.reported.figures import reported_rows

    registry = Registry(cards)
    card = registry.task(task)
    own = task.startswith("path:") or registry.is_own("tasks", task)
    printed = [row for row in reported_rows(board) if row.task == card.name]
    if as_json:
        print_json({**card.model_dump(mode="json"), "own": own, "reported": [_reported(row) for row in printed]})
        return
    print_title(card.name + (" (own)" if own else ""))
    print_fields(list(_fields(card)))
    if card.citation:
        print_lines("citation", card.citation)
    _print_reported(card, board, printed)
    _print_languages(card)
    _print_pins(card)


def _fields(card: Task) -> Iterator[tuple[str, str | Sequence[str]]]:
    """Every field of the card but its citation, its languages and their pins, under the card's own keys."""
    source = card.source
    yield "title", card.title
    yield "description", card.description
    yield "authors", card.authors
    yield "source", [f"{source.name}, revision {source.revision}", *([source.url] if source.url else [])]
    yield "loader", card.loader
    others = card.all_splits[1:]
    yield "split", card.split + (f" (also to be had: {', '.join(others)})" if others else "")
    yield "document_text", card.document_text
    yield "instruction", [card.instruction, f"from {card.instruction_source}"] if card.instruction else "none"
    yield "measures", f"{', '.join(card.measures)} (main: {card.measures[0]})"
    yield "ranked", card.ranked or "to the deepest cut"
    yield "sliced", ", ".join(card.sliced) or "none"
    yield "parallel", _yes(card.parallel)
    yield "cluster", card.cluster or "none"
    yield "drop_query_id", _yes(card.drop_query_id)
    yield "empty_documents", card.empty_documents
    yield "absent_documents", card.absent_documents
    yield "licences", f"texts {card.licences.texts}, labels {card.licences.labels}"
    yield "texts_may_be_shown", _yes(card.texts_may_be_shown)
    yield "warnings", list(card.warnings) or "none"
    yield "references", [f"{r.system}, {r.source} ({r.file})" for r in card.references] or "none"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _reported(row: PrintedRow) -> dict[str, Any]:
    """A printed row as --json has it; `mean` is over the languages printed, or, where there are none, as printed."""
    mean = row.mean if row.mean is not None else row.average.value if row.average else None
    named = {key: getattr(row, key) for key in ("model", "split", "measure", "source", "table")}
    return named | {"mean": mean, "languages": len(row.cells)}


def _print_reported(card: Task, board: Path, printed: Sequence[PrintedRow]) -> None:
    """The means of the systems that the references name, with the number of languages that they are over."""
    if not printed:
        if card.references:
            print_fields([("reported", f"their numbers are not in {board}: give a leaderboard folder with --board")])
        return
    values = [_reported(row) for row in printed]
    rows = [
        (row["model"], row["split"], row["measure"], f"{row['mean']:.3f}", str(row["languages"] or ""), row["source"])
        for row in values
    ]
    print_title(f"{card.name}, reported (by language: bench board reported --task {card.name})")
    print_table(["system", "split", "measure", "mean", "languages", "source"], rows, right=["mean", "languages"])


def _print_languages(card: Task) -> None:
    """A table of languages for each split, with their pins; a column that no language has a value for is left out."""
    for split in card.all_splits:
        if len(card.all_splits) > 1:
            print_title(f"{card.named(split)}")
        rows = {code: _pins(card, code, split) for code in card.subsets_of(split)}
        head = [name for name in next(iter(rows.values())) if any(row[name] for row in rows.values())]
        cells = [[code, *(row[name] for name in head)] for code, row in rows.items()]
        print_table(["language", *head], cells, right=_NUMBERS)
    files: dict[tuple[str, str], dict[str, None]] = {}
    for code, row in card.languages.items():
        for pins in (row, *row.splits.values()):
            for name, checksum in pins.files.items():
                files.setdefault((name, _short(checksum)), {})[code] = None
    if files:
        all_of_them = ["all"] if len(card.languages) > 1 else list(card.languages)
        shared = {file: all_of_them if len(codes) == len(card.languages) else codes for file, codes in files.items()}
        lines = [(code, *file) for file, codes in shared.items() for code in codes]
        print_table(["language", "file", "checksum"], lines)


def _pins(card: Task, code: str, split: str) -> dict[str, str]:
    """What the card knows of a language in a split, by the name of the column."""
    row = card.pinned(code, split)
    spoken = {"queries in": card.query_language(code), "documents in": card.document_language(code)}
    numbers = {name: getattr(row, name) for name in _NUMBERS}
    return {
        **{name: language if set(spoken.values()) != {code} else "" for name, language in spoken.items()},
        "source_code": row.source_code or "",
        **{name: "" if number is None else f"{number:,}" for name, number in numbers.items()},
        "fingerprint": _short(row.fingerprint),
    }


def _short(digest: str | None) -> str:
    """The algorithm, if it is stated, and as many digits as a person compares."""
    algorithm, colon, digits = (digest or "").rpartition(":")
    return algorithm + colon + digits[:_DIGITS]


def _print_pins(card: Task) -> None:
    if card.pins:
        print_table(["pin", "strength", "source"], [(pin, n.strength, n.source) for pin, n in card.pins.items()])
    else:
        print_fields([("pins", "none: nothing is known to compare the data with")])
