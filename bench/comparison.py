"""Two entries of one task side by side: on what they can be compared, and the comparison as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.errors import MissingError, unknown
from bench.leaderboard.held import Held
from bench.leaderboard.panels import Source, read_panel
from bench.measure import Measure
from bench.significance.comparison import Comparison, Line
from bench.significance.comparison import compare as compared
from bench.significance.panel import Design


def compare_entries(
    before: Held,
    after: Held,
    design: Design,
    measure: str | None = None,
    languages: Sequence[str] = (),
    moved: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """`after` less `before` in the languages that both measured on the same data, as `bench compare --json` prints it.

    MissingError where they have nothing in common; an unknown measure or language is answered with those of both.
    """
    import numpy as np

    task, entries = before.entry.identity["task"], (before.entry, after.entry)
    measure = common_measure(before, after, measure)
    codes = common_languages(before, after, measure, languages)
    sources = [Source(held.entry.stem, held.scores, frozenset(codes)) for held in (before, after)]
    table, notes = read_panel(sources, measure, codes, design, np.float64)
    table = table.complete()
    if not table.languages:
        raise MissingError(f"{task}: no language in common, on the same queries, with {measure}: {'; '.join(notes)}")
    shown = {language.code for language in table.languages}
    only = [[c for c in one.languages if c not in other.languages] for one, other in (entries, entries[::-1])]
    of = len(dict.fromkeys((*entries[0].subsets, *entries[1].subsets)))
    if len(shown) < of:
        notes.append(f"over the {len(shown)} of {of} languages that are compared alone, the means too")
    return _object(before, after, measure, compared(table, moved, seed), of) | {
        "only_a": only[0],
        "only_b": only[1],
        "left_out": [code for code in codes if code not in shown],
        "seed": seed,
        "notes": notes,
    }


def common_measure(before: Held, after: Held, asked: str | None) -> str:
    """The measure to compare, the first entry's main one unless another is asked for; both have it."""
    common = [m for m in before.entry.measures if m in after.entry.measures]
    measure = str(Measure.parse(asked)) if asked else before.entry.measures[0]
    if measure not in common:
        raise MissingError(f"{before.entry.identity['task']}: not both have {measure}; in common: {', '.join(common)}")
    return measure


def common_languages(before: Held, after: Held, measure: str, wanted: Sequence[str] = ()) -> list[str]:
    """The languages that both measured on the same data, in the card's order; of those wanted, if any are."""
    blocks = before.entry.languages, after.entry.languages
    common = [
        code
        for code in before.entry.subsets
        if all(code in side and side[code].get(measure) is not None for side in blocks)
        and blocks[0][code].get("fingerprint") == blocks[1][code].get("fingerprint")
    ]
    for code in wanted:
        if code not in common:
            raise unknown("language of both", code, common, f"both have {', '.join(common) or 'none'}")
    return [code for code in common if not wanted or code in wanted]


def _object(before: Held, after: Held, measure: str, result: Comparison, of: int) -> dict[str, Any]:
    mean = _line(result.mean) | {"languages": len(result.languages), "of": of}
    return {
        "task": before.entry.identity["task"],
        "measure": measure,
        "a": {"model": before.entry.identity["model"], "id": before.entry.hex, "entry": str(before.path)},
        "b": {"model": after.entry.identity["model"], "id": after.entry.hex, "entry": str(after.path)},
        "unit": result.unit,
        "languages": {str(line.language): _line(line) | {"moved": _moved(line)} for line in result.languages},
        "mean": {key: value for key, value in mean.items() if key != "p_holm"},
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "a": line.first,
        "b": line.second,
        "difference": line.difference,
        "interval": list(line.interval),
        "p": line.p,
        "p_holm": line.adjusted,
        "wins": line.wins,
        "ties": line.ties,
        "losses": line.losses,
    }


def _moved(line: Line) -> list[dict[str, Any]]:
    return [{"query": moved.query, "a": moved.first, "b": moved.second} for moved in line.moved]
