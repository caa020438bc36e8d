"""What `bench models verify` prints: one block a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.cli.sheet import print_fields, print_title


def print_verified(name: str, unresolved: str | None, models: Sequence[Mapping[str, Any]]) -> None:
    """What was sent and what came back of each model; a system without any has nothing to load."""
    print_title(name)
    if not models:
        print_fields([("encoders", "none: there is nothing to load")])
    for model in models:
        for side, seen in model.get("sides", {}).items():
            print_fields([(side, repr(seen["sent"])), ("tokens", _tokens(seen)), *_vectors(seen)])
        if "pair" in model:
            print_fields([("sent", repr(model["pair"]["sent"])), ("tokens", _tokens(model["pair"]))])
        print_fields(list(_outcome(model)))
    if unresolved:
        print_fields([("board", f"its results cannot enter a leaderboard: {unresolved}")])


def _tokens(seen: Mapping[str, Any]) -> str:
    return "unknown" if seen["tokens"] is None else f"{seen['tokens']} (limit {seen['max_length'] or 'none'})"


def _vectors(seen: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "dimension", str(seen["dimension"])
    for what in ("terms", "vectors"):
        if what in seen:
            yield what, str(seen[what])
    yield "norm", f"{seen['norm']:.6f}"


def _outcome(model: Mapping[str, Any]) -> Iterator[tuple[str, str | Sequence[str]]]:
    if "rewritten" in model:
        yield "rewritten", repr(model["rewritten"])
    if "scores" in model:
        yield "scores", [f"{what} {'null' if s is None else f'{s:.4f}'}" for what, s in model["scores"].items()]
    speeds = {"texts_per_second": "texts/s", "pairs_per_second": "pairs/s"}
    speed = next((f"{model[key]} {unit}, " for key, unit in speeds.items() if model.get(key) is not None), "")
    yield "speed", f"{speed}first answer after {model['seconds_to_load']} s"
    yield "environment", ", ".join(f"{key} {value}" for key, value in model["environment"].items())
