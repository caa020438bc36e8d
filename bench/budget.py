"""The limits that a user sets a run, `--max-memory` and `--max-disk`: held against what it takes before it begins."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace

from bench.collection import Source
from bench.encoding import encode_window
from bench.errors import InputError
from bench.files import check_room
from bench.footprint import SEARCH, Disk, Glimpse, Memory, Rows, disk, glimpse, memory
from bench.machine import resident
from bench.opening import expected
from bench.plan import Plan
from bench.sizes import size
from bench.watch import peak_memory_mb

_LATER = ("pyarrow.parquet", "pytrec_eval", "scipy.sparse")  # What scoring and keeping will load.
TABLES = 64 << 20
"""What pyarrow takes for itself when the first scores are written."""

_FEW = 32  # Texts that are encoded to see what a vector and the model take.
_SLACK = 20  # One twentieth of a limit is left for what nobody reckons with.


def within_limits(plan: Plan, sources: Mapping[str, Source]) -> Plan:
    """The plan with blocks of search that fit into its limits.

    InputError, with the numbers, where even the smallest do not, or where the vectors take more of the disk than is
    allowed; StoppedError where the disk has no room for them, as far as that is known without encoding anything.
    """
    seen = {s: glimpse(plan, s, sources[s]) for s in sources} if plan.max_disk or plan.max_memory else {}
    refuse_without_room(plan, sources, seen)
    return plan if plan.max_memory is None else fitted(plan, seen)


def fitted(plan: Plan, seen: Mapping[str, Glimpse], held: int | None = None) -> Plan:
    """The plan with blocks that fit into `--max-memory`; InputError where even the smallest do not.

    `held` is what the process holds with its models loaded; they are loaded here if that is not known.
    """
    if plan.max_memory is None:
        return plan
    rows = Rows(plan)
    needs = {subset: memory(plan, subset, seen[subset], 0, rows) for subset in seen}
    held = (_held(plan, seen) if held is None else held) + TABLES
    needs = {subset: replace(need, held=held) for subset, need in needs.items()}
    limit = plan.max_memory - plan.max_memory // _SLACK
    worst = max(needs, key=lambda subset: needs[subset].least)
    if needs[worst].least > limit:
        raise InputError(_too_much_memory(plan, worst, needs[worst]))
    return replace(plan, memory=min(plan.memory, *(max(SEARCH, need.left(limit)) for need in needs.values())))


def refuse_without_room(plan: Plan, sources: Mapping[str, Source], seen: Mapping[str, Glimpse], parts: int = 1) -> None:
    """InputError or StoppedError where the vectors take more than `--max-disk` allows, or than is free.

    `parts` machines share the work on one folder.
    """
    if seen:
        extents = {subset: (one.documents, one.queries) for subset, one in seen.items()}
        texts = {subset: one.texts[:_FEW] for subset, one in seen.items()} if plan.max_disk else {}
    else:
        extents = {s: (n, 0) for s in sources if (n := expected(plan, s)) is not None}
        texts = {}
    need = disk(plan, extents, texts, Rows(plan))
    if need is None:
        return
    if plan.max_disk is not None and need.vectors > plan.max_disk:
        raise InputError(_too_much_disk(plan, sum(documents for documents, _ in extents.values()), need))
    if need.new:
        check_room(plan.places.cache, need.new // parts, f"what {plan.system.name} keeps of {plan.task_name}")


def load_later() -> None:
    """Load what a run loads at its end, so that what the process holds can be told beforehand."""
    for library in _LATER:
        importlib.import_module(library)


def _held(plan: Plan, seen: Mapping[str, Glimpse]) -> int:
    """What the process holds once every model has been loaded and has encoded a batch."""
    load_later()
    some = next(iter(seen.values()))
    for encoder in plan.system.encoders:
        encode_window(encoder, some.texts[:_FEW], "document", some.language)
    peak = round((peak_memory_mb() or 0) * 1e6)
    if plan.max_memory is not None and peak > plan.max_memory:
        raise InputError(
            f"--max-memory {size(plan.max_memory)}: the process and its models alone have taken {size(peak)}; give more"
        )
    return resident() or peak


def _too_much_memory(plan: Plan, subset: str, need: Memory) -> str:
    encoding = sum(need.encoding.values()) > sum(need.searching.values()) + SEARCH
    parts = need.encoding if encoding else need.searching | {"a search in its smallest blocks": SEARCH}
    named = {"the process and its models": need.held} | parts
    listed = ", ".join(f"{what} {size(count)}" for what, count in named.items() if count >= 100_000)
    least = need.least + need.least // (_SLACK - 1)
    return (
        f"--max-memory {size(plan.max_memory or 0)}: {plan.system.name} on {plan.task_name}, {subset} takes at least "
        f"{size(least)} ({listed}, and a twentieth to spare); give more, or smaller shards (--shard-size)"
    )


def _too_much_disk(plan: Plan, documents: int, need: Disk) -> str:
    return (
        f"--max-disk {size(plan.max_disk or 0)}: the vectors of {plan.system.name} on {plan.task_name} take "
        f"{size(need.vectors)} for {documents:,} documents; allow more, or take fewer languages (--lang)"
    )
