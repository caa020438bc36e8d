"""The `model-index` block of a model card on the Hugging Face hub: one result a task and language, with its metrics.

https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from bench.errors import InputError
from bench.formats.mteb import key_of
from bench.leaderboard.cards import shipped_task
from bench.leaderboard.export.status import status_of

Result = Mapping[str, Any]


def model_index(results: Sequence[Result], measures: Sequence[str] = ()) -> str:
    """The block as YAML; what is not ASCII is escaped, since a card is read by programs that obey marks in it.

    InputError where the results are of several models: a card has one.
    """
    names = list(dict.fromkeys(result["model"] for result in results))
    if len(names) != 1:
        some = ", ".join(map(repr, names[:5])) + (" .." if len(names) > 5 else "")
        raise InputError(f"a model card is of one model, these results are of {some or 'none'}: choose with --model")
    found = [row for result in results for row in _results(result, measures)]
    if not found:
        raise InputError(f"{names[0]}: it has none of these measures")
    return str(yaml.safe_dump({"model-index": [{"name": names[0], "results": found}]}, sort_keys=False))


def _results(result: Result, measures: Sequence[str]) -> Iterator[dict[str, Any]]:
    wanted = [measure for measure in result["measures"] if not measures or measure in measures]
    card = shipped_task(result["task"].partition("@")[0])
    status = {key: value for key, value in status_of(result).items() if value not in (None, [])}
    source = _source(result)
    for code, block in result["languages"].items():
        metrics = [_metric(measure, block, status) for measure in wanted if block.get(measure) is not None]
        if metrics:
            dataset = {
                "name": f"{card.title if card else result['task']} ({code})",
                "type": card.source.name if card else result["task"],
                "config": code,
                "split": result["split"],
                "revision": (result.get("origin") or {}).get("dataset_revision") or (card and card.source.revision),
            }
            named = {key: value for key, value in dataset.items() if value is not None}
            yield {
                "task": {"type": "text-retrieval", "name": result["task"]},
                "dataset": named,
                "metrics": metrics,
            } | source


def _metric(measure: str, block: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    said = dict(status) | ({"saturated": True} if measure in block.get("saturated", ()) else {})
    return {"type": key_of(measure), "value": block[measure], "name": measure, "args": said}


def _source(result: Result) -> dict[str, Any]:
    """Where a number was computed, if not here; the format wants an address for it."""
    origin = result.get("origin") or {}
    addresses = {"embeddings-benchmark/results": "https://github.com/embeddings-benchmark/results"}
    address = origin.get("url") or addresses.get(str(origin.get("source")))
    return {"source": {"name": str(origin["source"]), "url": address}} if address else {}
