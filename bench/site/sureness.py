"""How sure the order of measured systems is: intervals, rank intervals and groups, computed once and kept.

They follow from the per-query scores alone: they are kept under the digest of these, and of all else that they are
made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bench
from bench.entry import Entry
from bench.errors import BenchError
from bench.files import digest, dump_json, read_json, write_whole
from bench.significance.panel import Design
from bench.site.data import Result, SiteData

SEED = 0
_VERSION = 1  # Of what is kept; another one is computed anew.

Sure = Mapping[str, Any]
"""One system, as `bench.statistics.statistics` gives it: `mean` and `languages` with interval, ranks and groups."""


def sureness(site: SiteData, task: str, measure: str) -> dict[str, Sure]:
    """By identity, what the per-query scores of the measured systems of a task say; none of those without scores."""
    from bench.leaderboard.standings import why_unranked
    from bench.statistics import design_of

    rows = [result for result in site.by_task[task] if result["kind"] == "measured" and measure in result["measures"]]
    held = [(result, scores, entry) for result in rows if (scores := site.scores_of(result)) and (entry := site.entry_of(result))]
    if not held:
        return {}
    design = design_of(task)
    reasons = [why_unranked(result, measure) for result, _, _ in held]
    systems = [(scores.with_suffix(".json"), entry) for _, scores, entry in held]
    found = _kept(site.cache, systems, measure, design, reasons)
    return {result["identity"]: row for (result, _, _), row in zip(held, found["systems"], strict=True)}


def _kept(
    cache: Path | None, systems: Sequence[tuple[Path, Entry]], measure: str, design: Design, reasons: Sequence[str | None]
) -> dict[str, Any]:
    """The statistics, from the cache where they are there."""
    from bench.statistics import statistics

    made_of = {
        "version": [_VERSION, bench.__version__],
        "measure": measure,
        "seed": SEED,
        "design": asdict(design),
        "unranked": list(reasons),
        "systems": [_facts(entry, measure) for _, entry in systems],
    }
    path = cache / "site" / f"{digest(made_of)[:32]}.json" if cache else None
    if path is not None and path.is_file():
        try:
            kept = read_json(path)
            if kept["made_of"] == made_of:
                return dict(kept["found"])
        except (BenchError, KeyError, TypeError):
            pass  # A damaged file of a cache is as good as none.
    found = statistics(systems, measure, design, reasons, SEED)
    if path is not None:
        write_whole(path, dump_json({"made_of": made_of, "found": found}, indent=None).encode())
    return found


def _facts(entry: Entry, measure: str) -> dict[str, Any]:
    """What the statistics of an entry are made from: its identity, and by language value, data and digest of scores."""
    return {
        "identity": entry.hex,
        "subsets": list(entry.subsets),
        "languages": {
            code: [block.get(measure), block.get("fingerprint"), block.get("digests", {}).get(measure)]
            + [measure in block.get("saturated", ())]
            for code, block in entry.languages.items()
        },
    }
