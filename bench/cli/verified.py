"""What `bench models verify` prints: one block an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.cli.sheet import print_fields, print_title


def print_verified(name: str, unresolved: str | None, encoders: Sequence[dict[str, Any]]) -> None:
    """Both sides of each encoder, the scores, the speed; a system without encoders has nothing to load."""
    print_title(name)
    if not encoders:
        print_fields([("encoders", "none: there is nothing to load")])
    for encoder in encoders:
        for side, seen in encoder["sides"].items():
            tokens = "unknown" if seen["tokens"] is None else f"{seen['tokens']} (limit {seen['max_length'] or 'none'})"
            print_fields(
                [
                    (side, repr(seen["sent"])),
                    ("tokens", tokens),
                    ("dimension", str(seen["dimension"])),
                    ("norm", f"{seen['norm']:.6f}"),
                ]
            )
        print_fields(
            [
                ("scores", [f"{what} {'null' if s is None else f'{s:.4f}'}" for what, s in encoder["scores"].items()]),
                ("speed", f"{encoder['texts_per_second']} texts/s, first text after {encoder['seconds_to_load']} s"),
                ("environment", ", ".join(f"{key} {value}" for key, value in encoder["environment"].items())),
            ]
        )
    if unresolved:
        print_fields([("board", f"its results cannot enter a leaderboard: {unresolved}")])
