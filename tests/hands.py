"""Toy encoders that say which process encoded what, and misbehave in workers of Ray."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toy import Toy

from bench.errors import MissingError
from bench.search.parts import search_part


def in_worker() -> bool:
    return "default_worker" in sys.argv[0]


class Hand(Toy):
    """Writes its process' id before each batch; `fate` of a worker that encodes documents is to die or to return NaN."""

    fingerprint = "hand 1"

    def __init__(self, log: Path, pause: float = 0.0, fate: str = "") -> None:
        super().__init__(log, pause)
        self.fate = fate

    def _encode(self, side: str, texts: Sequence[str]) -> NDArray[np.float32]:
        assert self.log
        with self.log.with_suffix(".pids").open("a") as file:
            file.write(f"{os.getpid()}\n")
        vectors = super()._encode(side, texts)
        if self.fate == "death" and in_worker():
            os._exit(9)
        return vectors * np.float32(np.nan) if self.fate == "nan" else vectors


class Seeing(Hand):
    """Its workers write which GPUs they see, and how many threads they take, beside the log."""

    def _encode(self, side: str, texts: Sequence[str]) -> NDArray[np.float32]:
        import ray

        assert self.log
        if in_worker():
            of_ray = ray.get_runtime_context().get_accelerator_ids()["GPU"]
            found = [os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"), of_ray, os.environ["OMP_NUM_THREADS"]]
            with self.log.with_suffix(".seen").open("a") as file:
                file.write(json.dumps(found) + "\n")
        return super()._encode(side, texts)


def seen(log: Path) -> set[tuple[str, tuple[str, ...], str]]:
    """What each worker saw: its variable, what Ray gave it, its threads."""
    rows = map(json.loads, log.with_suffix(".seen").read_text().splitlines())
    return {(visible, tuple(of_ray), threads) for _, visible, of_ray, threads in rows}


class Searching(Hand):
    """Its workers say that they search, in a file of their own, and take a second before they do."""

    def _encode(self, side: str, texts: Sequence[str]) -> NDArray[np.float32]:
        if in_worker():
            from bench.cluster import worker

            assert self.log
            worker.search_part = partial(_slowly, search_part, searches(self.log))
        return super()._encode(side, texts)


def searches(log: Path) -> Path:
    """Where workers log the searches that they begin, read by `pids`."""
    return log.with_name("searches")


def _slowly(search: Any, log: Path, *arguments: Any) -> Any:
    with log.with_suffix(".pids").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(1)
    return search(*arguments)


class Dicing(Hand):
    """Adds noise to its vectors, as a model with sampling in it does."""

    fingerprint = "dicing 1"

    def _encode(self, side: str, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = super()._encode(side, texts)
        return vectors + np.random.random(vectors.shape).astype(np.float32)


class Elsewhere(Hand):
    """A model whose weights are here, and on no other machine."""

    def __init__(self) -> None:
        if in_worker():
            raise MissingError("weights.bin: no such file of weights")
        super().__init__(Path("elsewhere.log"))


class Here(Hand):
    """A model by name."""

    def __init__(self) -> None:
        super().__init__(Path("here.log"))


def pids(log: Path) -> list[int]:
    """The processes that encoded a batch, in their order."""
    path = log.with_suffix(".pids")
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []
