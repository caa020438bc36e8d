"""What the page of a system shows: its numbers on all tasks, language by language, and how each was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from bench.leaderboard.imported.models import Model as Described
from bench.model import Model
from bench.site.cells import flag_text, number
from bench.site.columns import MOST, subsets_of
from bench.site.command import Commands, commands_of
from bench.site.data import Result, SiteData
from bench.site.names import web_address
from bench.site.recipe import Prompt, Recipe, dates_of, hardware_of, pairs_of, prompts_of, recipe_of
from bench.site.sureness import sureness
from bench.site.systemtable import across, down, lines_of
from bench.site.tasktable import rows_of
from bench.summary import unexplained


class Summary(NamedTuple):
    """One result in a line; numbers are text. `link` is its row in the table of its task."""

    task: str
    link: str
    kind: str
    detail: str
    measure: str
    mean: str
    interval: str
    rank: str
    coverage: str
    doubts: int
    trained: str


class Origin(NamedTuple):
    """Where a number that was not measured here comes from."""

    label: str
    rows: tuple[tuple[str, str], ...]
    address: str | None


class Making(NamedTuple):
    """How a measured result was made."""

    label: str
    commands: Commands
    prompts: tuple[Prompt, ...]
    hardware: tuple[str, ...]
    seconds: tuple[tuple[str, str], ...]
    dates: str
    identity: tuple[tuple[str, str], ...]
    recipe: Recipe


class OnTask(NamedTuple):
    """All that is known of a system on one task; `body` is HTML that was escaped where it was made."""

    task: str
    page: str
    body: Markup
    subsets: int
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    training: tuple[str, ...]
    makings: tuple[Making, ...]
    origins: tuple[Origin, ...]


@dataclass(frozen=True)
class SystemView:
    """A system: `card` is that of a bare card, `about` what came with imported numbers, by revision."""

    name: str
    results: Sequence[Result]
    card: Model | None
    about: tuple[tuple[str, tuple[tuple[str, str], ...], str | None], ...]
    summary: tuple[Summary, ...]
    tasks: tuple[OnTask, ...]


def system_view(site: SiteData, system: str) -> SystemView:
    """The view of one system."""
    results = site.by_system[system]
    tasks = list(dict.fromkeys(task for task in site.by_task if any(r["task"] == task for r in results)))
    return SystemView(
        system,
        results,
        site.model_cards.get(system),
        tuple(_about(site, results)),
        tuple(_summary(site, result) for task in tasks for result in _of_task(results, task)),
        tuple(_on_task(site, task, _of_task(results, task)) for task in tasks),
    )


def _of_task(results: Sequence[Result], task: str) -> list[Result]:
    """The results of one task, measured ones first."""
    order = ("measured", "reported", "imported")
    return sorted((r for r in results if r["task"] == task), key=lambda result: order.index(result["kind"]))


# --- lines


def _summary(site: SiteData, result: Result) -> Summary:
    measure, row = result["main_measure"], rows_of(site, result["task"])[id(result)]
    sure = _sure(site, result, measure).get("mean") or {}
    mean = result["mean"].get(measure)
    contamination = result.get("contamination") or {}
    return Summary(
        result["task"],
        f"{site.task_page(result['task'])}#{row.key}",
        result["kind"],
        _detail(result),
        measure,
        "–" if mean is None else number(mean),
        "{}–{}".format(*map(number, sure["interval"])) if sure.get("interval") else "",
        _rank(site, result, measure, sure),
        f"{sum(r.get(measure) is not None for r in result['languages'].values())}/{result['mean']['of']}",
        len(unexplained(result)),
        str(contamination.get("state") or "unknown"),
    )


def _rank(site: SiteData, result: Result, measure: str, sure: Mapping[str, Any]) -> str:
    """`3 of 138`, with the ranks that it may have; the reason where it has none."""
    rank = result["ranks"].get(measure)
    if rank is None:
        return f"not ranked: {result['unranked']}" if result["unranked"] else "not ranked"
    ranked = site.once(("ranked",), lambda: _ranked(site))[result["task"], result["pool"], measure]
    low, high = sure.get("ranks") or (rank, rank)
    return f"{rank} of {ranked}" + (f", may be {low} to {high}" if low != high else "")


def _ranked(site: SiteData) -> Counter[tuple[str, str, str]]:
    """How many results have a rank, by task, pool and measure."""
    return Counter(
        (result["task"], result["pool"], measure)
        for result in site.results
        for measure, rank in result["ranks"].items()
        if rank is not None
    )


def _sure(site: SiteData, result: Result, measure: str) -> Mapping[str, Any]:
    if result["kind"] != "measured" or measure not in result["measures"]:
        return {}
    return sureness(site, result["task"], measure).get(result["identity"]) or {}


def _detail(result: Result) -> str:
    """What tells one result of a system on a task from another."""
    if result["kind"] == "measured":
        return str(result["identity"])
    origin = result["origin"]
    if result["kind"] == "imported":
        return f"revision {str(origin['revision'] or 'unknown')[:12]}"
    return f"{result['model']}, {origin['source']}, {origin['table']}"


# --- one task


def _on_task(site: SiteData, task: str, results: Sequence[Result]) -> OnTask:
    there = {code for result in results for code in result["languages"]}
    subsets = [code for code in subsets_of(site, task) if code in there]
    groups = [lines_of(result, subsets, _sure(site, result, result["main_measure"]), results) for result in results]
    labels = [_label(result) for result in results]
    return OnTask(
        task,
        site.task_page(task),
        (across if len(subsets) <= MOST else down)(labels, groups, subsets),
        len(subsets),
        tuple(text for result in results for text in _doubts(result)),
        tuple(dict.fromkeys(f"{_label(result)}: {note}" for result in results for note in result["notes"])),
        tuple(_trained(result) for result in results),
        tuple(making for result in results if (making := _making(site, result))),
        tuple(_origin(result) for result in results if result["kind"] != "measured"),
    )


def _label(result: Result) -> str:
    return f"{result['kind']}, {_detail(result)}"


def _doubts(result: Result) -> list[str]:
    """Flags in words, those that nobody explains first; many of one check in one line."""
    lines: dict[tuple[bool, str], list[str]] = {}
    open_flags = [id(flag) for flag in unexplained(result)]
    for flag in result["flags"]:
        lines.setdefault((id(flag) not in open_flags, flag["check"]), []).append(_flag_words(flag))
    return [
        f"{_label(result)}: {check}{' (expected or explained)' if known else ''}: {'; '.join(words)}"
        for (known, check), words in sorted(lines.items())
    ]


def _flag_words(flag: Mapping[str, Any]) -> str:
    text = flag_text(flag).removeprefix(f"{flag['check']}: ").removesuffix("; expected")
    return text if flag["language"] in ("mean", "all") else f"{flag['language']} {text}"


def _trained(result: Result) -> str:
    """What is said of the training data, with the source."""
    said = result.get("contamination") or {"state": "unknown", "source": "nothing is said"}
    parts = [str(said["state"])]
    if said.get("through"):
        parts.append(f"through {said['through']} ({said['reason']})")
    if said.get("languages"):
        parts.append(f"concerns {', '.join(said['languages'])}")
    if said.get("also"):
        parts.append(f"also {', '.join(said['also'])}")
    return f"{_label(result)}: {'; '.join(parts)}. {said.get('source') or ''}"


# --- how it was made


def _making(site: SiteData, result: Result) -> Making | None:
    entry = site.entry_of(result)
    if entry is None or not entry.languages:
        return None
    seconds = result.get("seconds") or {}
    vectors = result.get("vectors") or {}
    return Making(
        _label(result),
        commands_of(entry, site.task_card(result["task"]), site.model_cards),
        tuple(prompts_of(entry)),
        tuple(hardware_of(entry)),
        tuple((phase.replace("_", " "), f"{value:,.1f} s") for phase, value in seconds.items())
        + tuple((f"texts {key}", f"{count:,}") for key, count in vectors.items() if sum(vectors.values())),
        dates_of(entry),
        tuple(pairs_of(entry.identity)),
        recipe_of(entry),
    )


def _origin(result: Result) -> Origin:
    """The origin of an imported or reported number."""
    origin = result["origin"]
    rows = []
    for key, value in origin.items():
        metrics = value.items() if key == "metric" else ()
        text = ", ".join(f"{theirs} (our {ours})" for ours, theirs in metrics) if metrics else value
        if text not in (None, "") and key != "url":
            rows.append((key.replace("_", " "), str(text)))
    return Origin(_label(result), tuple(rows), web_address(origin.get("url")))


def _about(site: SiteData, results: Sequence[Result]) -> list[tuple[str, tuple[tuple[str, str], ...], str | None]]:
    """What mteb says of the model, by revision."""
    found = []
    pairs = {(r["model"], r["origin"]["revision"]) for r in results if r["kind"] == "imported"}
    for name, revision in sorted(pairs, key=str):
        model = site.described.get((name, revision))
        if model is not None and model.described_by is not None:
            found.append((f"{name} {revision}", tuple(_described(model)), web_address(model.reference)))
    return found


def _described(model: Described) -> list[tuple[str, str]]:
    rows = []
    for key, value in model._asdict().items():
        if value in (None, "", []) or key in ("model", "revision", "reference"):
            continue
        if isinstance(value, bool):
            text = "yes" if value else "no"
        else:
            text = (
                ", ".join(value) if isinstance(value, list) else f"{value:,}" if isinstance(value, int) else str(value)
            )
        rows.append((key.replace("_", " "), text))
    return rows
