"""Randomness of a model: the same numbers for a shard, whichever shards were made before it; the caller's go on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
from hands import Dicing, pids

import bench


def stored(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (cache / "vectors").glob("*/*.npy")}


def test_a_shard_draws_the_same_whichever_were_made_before(tmp_path: Path) -> None:
    def run(name: str, languages: list[str], seed: int = 0) -> dict[str, bytes]:
        options: dict[str, Any] = {"cache": tmp_path / name, "output": tmp_path / "out", "shard_size": 8, "seed": seed}
        bench.run(Dicing(tmp_path / f"{name}.log"), "mini", languages, latency=False, **options)
        return stored(tmp_path / name)

    whole = run("whole", ["en", "sw"])
    assert run("parts", ["sw"]) != whole
    lost = sorted((tmp_path / "parts" / "vectors").glob("*/*.npy"))[::2]
    for path in lost:
        path.unlink()
    before = len(pids(tmp_path / "parts.log"))
    assert run("parts", ["sw", "en"]) == whole
    assert len(pids(tmp_path / "parts.log")) > before
    assert run("other", ["en", "sw"], seed=1) != whole


def test_the_callers_generators_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    np.random.seed(5)
    random.seed(5)
    expected = np.random.RandomState(5).random_sample(3), random.Random(5).random()
    bench.run(Dicing(tmp_path / "log"), "mini", ["en"], cache=tmp_path / "c", output=tmp_path / "o", latency=False)
    assert np.array_equal(np.random.random(3), expected[0])
    assert random.random() == expected[1]
