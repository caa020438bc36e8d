"""How sure the order of measured systems is: intervals, rank intervals and groups, computed once and kept.

They follow from the per-query scores alone: they are kept under the digest of these, and of all else that they are
made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.entry import Entry
from bench.site.data import Result, SiteData
from bench.site.kept import kept

SEED = 0
_VERSION = 1  # Of what is kept; another one is computed anew.

Sure = Mapping[str, Any]
"""One system, as `bench.statistics.statistics` gives it: `mean` and `languages` with interval, ranks and groups."""


def sureness(site: SiteData, task: str, measure: str) -> dict[str, Sure]:
    """By identity, what the per-query scores of the measured systems of a task say; none of those without scores."""
    return site.once(("sureness", task, measure), lambda: _sureness(site, task, measure))


def _sureness(site: SiteData, task: str, measure: str) -> dict[str, Sure]:
    from bench.leaderboard.standings import why_unranked
    from bench.statistics import design_of, statistics

    held = [(result, *files) for result in _measured(site, task, measure) if (files := _files(site, result))]
    if not held:
        return {}
    design = design_of(task)
    reasons = [why_unranked(result, measure) for result, _, _ in held]
    systems = [(scores.with_suffix(".json"), entry) for _, scores, entry in held]
    made_of = {
        "what": ["sureness", _VERSION],
        "measure": measure,
        "seed": SEED,
        "design": asdict(design),
        "unranked": reasons,
        "systems": [_facts(entry, measure) for _, entry in systems],
    }
    found = kept(site.cache, made_of, lambda: statistics(systems, measure, design, reasons, SEED))
    return {result["identity"]: row for (result, _, _), row in zip(held, found["systems"], strict=True)}


def _measured(site: SiteData, task: str, measure: str) -> list[Result]:
    return [row for row in site.by_task[task] if row["kind"] == "measured" and measure in row["measures"]]


def _files(site: SiteData, result: Result) -> tuple[Path, Entry] | None:
    scores, entry = site.scores_of(result), site.entry_of(result)
    return (scores, entry) if scores and entry else None


def _facts(entry: Entry, measure: str) -> dict[str, Any]:
    """What the statistics of an entry are made from: its identity, and by language value, data and digest of scores."""
    return {
        "identity": entry.hex,
        "subsets": list(entry.subsets),
        "languages": {
            code: {
                "value": block.get(measure),
                "data": block.get("fingerprint"),
                "scores": block.get("digests", {}).get(measure),
                "saturated": measure in block.get("saturated", ()),
            }
            for code, block in entry.languages.items()
        },
    }
